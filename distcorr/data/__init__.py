"""What data the project knows: public datasets, and the files of a study by content.

``public_data.toml`` lists openly licensed data that checks use; :func:`fetch` gets it.
:func:`input_files` lists what a manifest's reading touches, and the checksums of
these files, or a correction's provenance, tell whether they are what they were.
"""

from distcorr.data.checksums import Change, Checksums, compare_files, hash_files, record_path
from distcorr.data.fetch import FolderOrigin, Origin, WebOrigin, fetch
from distcorr.data.inputs import Inputs, input_files
from distcorr.data.learned import LearnedInput, compare_with_correction
from distcorr.data.public import Dataset, choose, public_datasets

__all__ = [
    "Change",
    "Checksums",
    "Dataset",
    "FolderOrigin",
    "Inputs",
    "LearnedInput",
    "Origin",
    "WebOrigin",
    "choose",
    "compare_files",
    "compare_with_correction",
    "fetch",
    "hash_files",
    "input_files",
    "public_datasets",
    "record_path",
]
