"""Attributes that identify people, and a header full of values that tell their origin.

The tags are those of PS3.15 Table E.1-1 (2024b) that may stand in the header of an
image; those of radiotherapy plans, hanging protocols, waveforms, gateways and commands
are left out. DeviceSerialNumber (0018,1000) is left out on purpose: it names the
scanner, to which a correction belongs, and distcorr records it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pydicom.datadict import dictionary_has_tag, dictionary_VR
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag, Tag

TABLE_E_1_1 = {
    0x0008: """
        0012 0013 0014 0015 0017 0019 0020 0021 0022 0023 0024 0025 002A 0030 0031 0032 0033
        0034 0035 0050 0054 0055 0058 0080 0081 0082 0090 0092 0094 0096 009C 009D 0106 0107
        0201 1000 1010 1030 103E 1040 1041 1048 1049 1050 1052 1060 1062 1070 1072 1080 1084
        1088 1110 1111 1120 1140 1155 1195 2111 2112 3010 4000
    """,
    0x0010: """
        0010 0020 0021 0030 0032 0040 0050 0101 0102 1000 1001 1002 1005 1010 1020 1030 1040
        1050 1060 1080 1081 1090 1100 2000 2110 2150 2152 2154 2155 2160 2180 21A0 21B0 21C0
        21D0 21F0 2203 2297 2299 4000
    """,
    0x0012: """
        0010 0020 0021 0022 0023 0030 0031 0032 0040 0041 0042 0043 0050 0051 0055 0060 0071
        0072 0073 0081 0082 0086 0087
    """,
    0x0016: """
        002B 004B 004D 004E 004F 0050 0051 0070 0071 0072 0073 0074 0075 0076 0077 0078 0079
        007A 007B 007C 007D 007E 007F 0080 0081 0082 0083 0084 0085 0086 0087 0088 0089 008A
        008B 008C 008D 008E
    """,
    0x0018: """
        0010 0027 0035 1002 1004 1005 1007 1008 1009 100A 100B 1012 1014 1030 1042 1043 1072
        1073 1078 1079 11BB 1200 1201 1202 1203 1204 1205 1400 2042 4000 5011 700A 700C 700E
        9074 9151 9185 9367 9369 936A 9371 9373 937B 937F 9424 9516 9517 9623 9701 9804 9919
        9937 A002 A003
    """,
    0x0020: "000D 000E 0010 0027 0052 0200 3401 3403 3405 3406 4000 9158 9161 9164",
    0x0028: "1199 1214 4000",
    0x0032: """
        0012 0032 0033 0034 0035 1000 1001 1010 1011 1020 1021 1030 1032 1033 1040 1041 1050
        1051 1060 1066 1067 1070 4000
    """,
    0x0038: """
        0004 0010 0011 0014 001A 001B 001C 001D 001E 0020 0021 0030 0032 0040 0050 0060 0061
        0062 0064 0300 0400 0500 4000
    """,
    0x0040: """
        0001 0002 0003 0004 0005 0006 0007 0009 000B 0010 0011 0012 0241 0242 0243 0244 0245
        0250 0251 0253 0254 0275 0280 0310 0512 0513 051A 0551 0554 0555 0562 0600 0602 0610
        06FA 1001 1002 1004 1005 100A 1010 1011 1101 1102 1103 1104 1400 2001 2004 2005 2008
        2009 2010 2011 2016 2017 2400 3001 4005 4008 4010 4011 4023 4025 4027 4028 4030 4034
        4035 4036 4037 4050 4051 4052 A023 A024 A027 A030 A032 A033 A073 A075 A078 A07A A07C
        A082 A088 A110 A112 A120 A121 A122 A123 A124 A13A A171 A172 A192 A193 A307 A352 A353
        A354 A358 A402 A730 DB06 DB07 DB0C DB0D E004
    """,
    0x0088: "0140 0904 0906 0910 0912",
    0x0400: "0100 0105 0115 0310 0402 0403 0404 0550 0551 0552 0561 0562 0563 0564 0565 0600",
    0x2200: "0002 0005",
    0x4000: "0010 4000",
    0x4008: """
        0040 0042 0100 0101 0102 0108 0109 010A 010B 010C 0111 0112 0113 0114 0115 0118 0119
        011A 0200 0202 0300 4000
    """,
}
"""Elements of each group."""

FILE_LINKS = frozenset(
    map(Tag, ("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID", "FrameOfReferenceUID"))
)
"""What files are grouped by: they keep their values, which are searched for."""

_TEXT = frozenset(("LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"))
_NESTED = Tag("CodeMeaning")
_PRIVATE_GROUPS = (0x0011, 0x0019, 0x0029, 0x0051)
PRIVATE = tuple(f"PRIVATE{group:04X}" for group in _PRIVATE_GROUPS)
"""Values of private elements, in groups of which distcorr reads some."""


@dataclass
class Planted:
    """Values that nothing but the header of a scan holds.

    Attributes
    ----------
    values : dict of str to str
        Name of the attribute by value.
    skipped : list of BaseTag
        Attributes whose kind can't hold a value of its own.
    """

    values: dict[str, str] = field(default_factory=dict)
    skipped: list[BaseTag] = field(default_factory=list)

    def note(self, value: str, tag: BaseTag) -> str:
        self.values[value] = f"{tag}"
        return value


def plant(ds: Dataset) -> Planted:
    """Fill a header with a value of its own for every identifying attribute."""
    planted = Planted()
    tags = [Tag(group, int(one, 16)) for group, row in TABLE_E_1_1.items() for one in row.split()]
    for number, tag in enumerate(tags):
        if tag in FILE_LINKS:
            planted.note(str(ds[tag].value), tag)
            continue
        vr = dictionary_VR(tag) if dictionary_has_tag(tag) else ""
        if vr == "SQ":
            item = Dataset()
            item.add_new(_NESTED, "LO", planted.note(_text(tag), tag))
            ds.add_new(tag, "SQ", [item])
            continue
        value = _value(vr, tag, number)
        if value is None:
            planted.skipped.append(tag)
            continue
        planted.note(value, tag)
        ds.add_new(tag, vr, value.encode() if vr in ("OB", "UN") else value)
    for group, value in zip(_PRIVATE_GROUPS, PRIVATE, strict=True):
        block = ds.private_block(group, "MARKERS", create=True)
        block.add_new(0x01, "LO", planted.note(value, Tag(group, 0x1001)))
    return planted


def _text(tag: BaseTag) -> str:
    return f"MARK{int(tag):08X}"


def _value(vr: str, tag: BaseTag, number: int) -> str | None:
    """Of the representation, and unlike any number that images give rise to."""
    month, day = 1 + number // 28 % 12, 1 + number % 28
    date, time = (
        f"{1907 + number // 336}{month:02}{day:02}",
        f"0317{number % 60:02}.{613000 + number}",
    )
    if vr in _TEXT or vr in ("AE", "CS", "OB", "UN"):
        return _text(tag)
    return {
        "DA": date,
        "TM": time,
        "DT": date + time,
        "UI": f"1.2.826.0.1.3680043.10.1327.{int(tag)}",
        "DS": f"61.{7300000 + number}",
    }.get(vr)
