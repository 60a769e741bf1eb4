# mypy: disable-error-code="no-untyped-call"
"""Linear interpolation of several points at once, one in each lane of a vector.

A sum of eight voxels is too short for vectors of its own, and compilers don't gather
neighbours in pairs; this intrinsic spells both. It is three times as fast as point by
point.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

LANES = 8
"""Points interpolated together; a power of two."""

_FUSED = ("contract",)
"""Lets a product and a sum become one instruction."""


@intrinsic
def linear_lanes(  # type: ignore[no-untyped-def]
    typingctx: Any,  # noqa: ARG001
    voxels: Any,
    first: Any,
    fractions: Any,
    values: Any,
    start: Any,  # noqa: ARG001
    row: Any,  # noqa: ARG001
    plane: Any,  # noqa: ARG001
):
    """Interpolate at ``LANES`` points; nothing is checked.

    Parameters
    ----------
    voxels : ndarray, shape (n,)
        Of a volume in C order, contiguous.
    first : ndarray of int, shape (m,)
        Place in ``voxels`` of the first of each point's eight neighbours.
    fractions : tuple of three ndarrays of float32 or float64, shape (m,)
        Of the way to the next voxel along i, j and k.
    values : ndarray of the same type, shape (m,)
        Is written.
    start : int
        Which of the points is the first.
    row, plane : int
        Distance of neighbours along j and k.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        item_type, lane = signature.args[0].dtype, ir.IntType(32)
        item = context.get_data_type(item_type)
        real = context.get_data_type(signature.args[3].dtype)
        size = context.get_abi_sizeof(item)
        pair, vector = ir.IntType(16 * size), ir.VectorType(real, LANES)
        start, row, plane = arguments[4:7]

        def data(array_type: Any, array: Any) -> Any:
            return cgutils.create_struct_proxy(array_type)(context, builder, array).data

        def part(array_type: Any, array: Any) -> Any:
            """Point to ``LANES`` numbers of an array."""
            one = context.get_data_type(array_type.dtype)
            pointer = builder.gep(data(array_type, array), [start])
            return builder.bitcast(pointer, ir.VectorType(one, LANES).as_pointer())

        def load(array_type: Any, array: Any) -> Any:
            loaded = builder.load(part(array_type, array))
            loaded.align = context.get_abi_sizeof(context.get_data_type(array_type.dtype))
            return loaded

        def between(t: Any, a: Any, b: Any) -> Any:
            rise = builder.fsub(b, a, flags=_FUSED)
            return builder.fadd(builder.fmul(t, rise, flags=_FUSED), a, flags=_FUSED)

        def wide(place: Any) -> Any:
            return place if place.type == start.type else builder.sext(place, start.type)

        at = load(signature.args[1], arguments[1])
        places = [wide(builder.extract_element(at, ir.Constant(lane, one))) for one in range(LANES)]
        fraction_type = signature.args[2].dtype
        along_i, along_j, along_k = (
            load(fraction_type, builder.extract_value(arguments[2], axis)) for axis in range(3)
        )
        base = data(signature.args[0], arguments[0])

        def line(beyond: Any) -> Any:
            """Interpolate along i; a pair of neighbours is one load."""
            pairs = ir.Constant(ir.VectorType(pair, LANES), ir.Undefined)
            for one, place in enumerate(places):
                pointer = builder.gep(base, [builder.add(place, beyond)])
                loaded = builder.load(builder.bitcast(pointer, pair.as_pointer()))
                loaded.align = size
                pairs = builder.insert_element(pairs, loaded, ir.Constant(lane, one))
            both = builder.bitcast(pairs, ir.VectorType(item, 2 * LANES))
            return between(along_i, neighbour(both, 0), neighbour(both, 1))

        def neighbour(both: Any, which: int) -> Any:
            lanes = ir.Constant(
                ir.VectorType(lane, LANES), [2 * one + which for one in range(LANES)]
            )
            some = builder.shuffle_vector(both, ir.Constant(both.type, ir.Undefined), lanes)
            if item_type in types.integer_domain:
                convert = builder.sitofp if item_type.signed else builder.uitofp
                return convert(some, vector)
            return some if item == real else builder.fpext(some, vector)

        none = ir.Constant(start.type, 0)
        near = between(along_j, line(none), line(row))
        far = between(along_j, line(plane), line(builder.add(plane, row)))
        result = builder.store(between(along_k, near, far), part(signature.args[3], arguments[3]))
        result.align = context.get_abi_sizeof(real)
        return context.get_dummy_value()

    arguments = (voxels, first, fractions, values, types.intp, types.intp, types.intp)
    return types.void(*arguments), generate
