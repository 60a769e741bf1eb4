"""DICOM in and out; the only room that imports pydicom."""
