"""Weighted sums over a cube of voxels: where the time of an interpolation goes.

The weights of a separable interpolation act on one run of neighbours along i for
each of the rows and planes around a point. Compilers don't find the vectors in
such short loops; this intrinsic spells them: one load and one multiply-add of a
whole run for each row.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.errors import TypingError
from numba.extending import intrinsic

_FUSED = ("contract",)
"""Lets a product and a sum become one instruction."""


@intrinsic  # type: ignore[untyped-decorator]
def weighted_sum(typingctx: Any, voxels: Any, first: Any, row: Any, plane: Any, w: Any, at: Any, taps: Any):  # type: ignore[no-untyped-def]  # noqa: ARG001
    """Sum ``taps`` x ``taps`` x ``taps`` voxels with separable weights.

    Parameters
    ----------
    voxels : ndarray, shape (n,)
        Of a volume in C order, contiguous.
    first : int
        Place of the cube's first voxel in ``voxels``. Nothing is checked.
    row, plane : int
        Distance of neighbours along j and k.
    w : ndarray of float32 or float64, one-dimensional
        Their type is that of the sum.
    at : int
        Where in ``w`` the 3 x taps weights along i, then j, then k begin.
    taps : int
        A constant.
    """
    if not isinstance(taps, types.IntegerLiteral):
        raise TypingError("the number of taps must be a constant")
    count = taps.literal_value

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        voxels_type, w_type = signature.args[0], signature.args[4]
        array = cgutils.create_struct_proxy(voxels_type)(context, builder, arguments[0])
        weights = cgutils.create_struct_proxy(w_type)(context, builder, arguments[4])
        item = context.get_data_type(voxels_type.dtype)
        real = context.get_data_type(w_type.dtype)
        size = context.get_abi_sizeof(item)
        index = arguments[1].type
        vector = ir.VectorType(real, count)

        def multiply_add(a: Any, b: Any, c: Any) -> Any:
            return builder.fadd(builder.fmul(a, b, flags=_FUSED), c, flags=_FUSED)

        def run(pointer: Any, kind: Any, alignment: int) -> Any:
            wide = ir.VectorType(kind, count)
            loaded = builder.load(builder.bitcast(pointer, wide.as_pointer()))
            loaded.align = alignment
            return loaded

        def as_real(loaded: Any) -> Any:
            dtype = voxels_type.dtype
            if isinstance(dtype, types.Integer):
                convert = builder.sitofp if dtype.signed else builder.uitofp
                return convert(loaded, vector)
            return loaded if item == real else builder.fpext(loaded, vector)

        def splat(value: Any) -> Any:
            one = builder.insert_element(
                ir.Constant(vector, ir.Undefined), value, ir.Constant(ir.IntType(32), 0)
            )
            zeros = ir.Constant(ir.VectorType(ir.IntType(32), count), [0] * count)
            return builder.shuffle_vector(one, ir.Constant(vector, ir.Undefined), zeros)

        def weight(axis: int, tap: int) -> Any:
            place = builder.add(arguments[5], ir.Constant(index, axis * count + tap))
            return splat(builder.load(builder.gep(weights.data, [place])))

        along_j = [weight(1, tap) for tap in range(count)]
        zero = ir.Constant(vector, [0.0] * count)
        total = zero
        for k in range(count):
            in_plane = zero
            for j in range(count):
                step = builder.add(
                    builder.mul(arguments[3], ir.Constant(index, k)),
                    builder.mul(arguments[2], ir.Constant(index, j)),
                )
                pointer = builder.gep(array.data, [builder.add(arguments[1], step)])
                voxel_run = as_real(run(pointer, item, size))
                in_plane = multiply_add(along_j[j], voxel_run, in_plane)
            total = multiply_add(weight(2, k), in_plane, total)
        along_i = run(builder.gep(weights.data, [arguments[5]]), real, context.get_abi_sizeof(real))
        products = builder.fmul(total, along_i)
        result = ir.Constant(real, 0.0)
        for tap in range(count):
            one = builder.extract_element(products, ir.Constant(ir.IntType(32), tap))
            result = builder.fadd(result, one)
        return result

    places = (types.intp, types.intp, types.intp)
    return w.dtype(voxels, *places, w, types.intp, taps), generate
