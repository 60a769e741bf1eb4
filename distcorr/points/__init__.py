"""Lists of points in files: phantom markers and landmarks, in patient LPS, mm."""

from distcorr.points.documents import Document
from distcorr.points.lists import PointList
from distcorr.points.matched import MatchedPoints, Pairing, match_lists, read_pairs
from distcorr.points.read import SUFFIXES as POINT_SUFFIXES
from distcorr.points.read import read_points
from distcorr.points.rows import read_document
from distcorr.points.write import write_points
from distcorr.space import FileAxes

__all__ = [
    "POINT_SUFFIXES",
    "Document",
    "FileAxes",
    "MatchedPoints",
    "Pairing",
    "PointList",
    "match_lists",
    "read_document",
    "read_pairs",
    "read_points",
    "write_points",
]
