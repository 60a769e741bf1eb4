# mypy: disable-error-code="no-untyped-call"
"""Weighted sums over a cube of voxels: where the time of an interpolation goes.

Weights act on one run of neighbours along i for each of the rows and planes around
a point. Compilers don't find the vectors in such short loops; this intrinsic spells
them: weights stay in registers, and a run of voxels is one load and one
multiply-add.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.errors import TypingError
from numba.extending import intrinsic

from distcorr.apply.weights import BY_TAPS

_FUSED = ("contract",)
"""Lets a product and a sum become one instruction."""


@intrinsic
def weighted_sum(  # type: ignore[no-untyped-def]
    typingctx: Any,  # noqa: ARG001
    voxels: Any,
    first: Any,  # noqa: ARG001
    row: Any,  # noqa: ARG001
    plane: Any,  # noqa: ARG001
    ux: Any,
    uy: Any,  # noqa: ARG001
    uz: Any,  # noqa: ARG001
    taps: Any,
):
    """Sum ``taps`` x ``taps`` x ``taps`` voxels with the weights of an interpolation.

    Parameters
    ----------
    voxels : ndarray, shape (n,)
        Of a volume in C order, contiguous.
    first : int
        Place of the cube's first voxel in ``voxels``. Nothing is checked.
    row, plane : int
        Distance of neighbours along j and k.
    ux, uy, uz : float32 or float64
        Place of the point between two voxels along i, j, k, less one half; their
        type is that of the sum.
    taps : int
        A constant: which of :data:`distcorr.apply.weights.BY_TAPS`.
    """
    if not isinstance(taps, types.IntegerLiteral) or taps.literal_value not in BY_TAPS:
        raise TypingError("the number of taps must be a constant that names an interpolation")
    table = BY_TAPS[taps.literal_value]
    count = taps.literal_value

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        dtype: Any = signature.args[0].dtype
        data = cgutils.create_struct_proxy(signature.args[0])(context, builder, arguments[0]).data
        item, real = context.get_data_type(dtype), context.get_data_type(ux)
        vector, index = ir.VectorType(real, count), arguments[1].type
        int32 = ir.IntType(32)

        def multiply_add(a: Any, b: Any, c: Any) -> Any:
            return builder.fadd(builder.fmul(a, b, flags=_FUSED), c, flags=_FUSED)

        def splat(source: Any, lane: int) -> Any:
            lanes = ir.Constant(ir.VectorType(int32, count), [lane] * count)
            return builder.shuffle_vector(source, ir.Constant(vector, ir.Undefined), lanes)

        def weights(place: Any) -> Any:
            undefined = ir.Constant(vector, ir.Undefined)
            u = splat(builder.insert_element(undefined, place, ir.Constant(int32, 0)), 0)
            result = ir.Constant(vector, table[-1].tolist())
            for coefficients in table[-2::-1]:
                result = multiply_add(result, u, ir.Constant(vector, coefficients.tolist()))
            return result

        def run(at: Any) -> Any:
            pointer = builder.bitcast(
                builder.gep(data, [at]), ir.VectorType(item, count).as_pointer()
            )
            loaded = builder.load(pointer)
            loaded.align = context.get_abi_sizeof(item)
            if dtype in types.integer_domain:
                convert = builder.sitofp if dtype.signed else builder.uitofp
                return convert(loaded, vector)
            return loaded if item == real else builder.fpext(loaded, vector)

        along_i, along_j, along_k = (weights(place) for place in arguments[4:7])
        total = zero = ir.Constant(vector, [0.0] * count)
        for k in range(count):
            in_plane = zero
            for j in range(count):
                in_rows = builder.mul(arguments[2], ir.Constant(index, j))
                in_planes = builder.mul(arguments[3], ir.Constant(index, k))
                at = builder.add(arguments[1], builder.add(in_rows, in_planes))
                in_plane = multiply_add(splat(along_j, j), run(at), in_plane)
            total = multiply_add(splat(along_k, k), in_plane, total)
        products = builder.fmul(total, along_i)
        result = ir.Constant(real, 0.0)
        for tap in range(count):
            one = builder.extract_element(products, ir.Constant(int32, tap))
            result = builder.fadd(result, one)
        return result

    return ux(voxels, types.intp, types.intp, types.intp, ux, ux, ux, taps), generate
