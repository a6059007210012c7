"""The training step of CAEs in loops over 16 images at a time, compiled by numba.

A chunk of 16 images goes through a layer while it is in the first-level caches; each image has a
lane of the processor's vectors to itself. Results therefore depend neither on the width of these
vectors nor on the other images of a batch. Sums over images and lanes have a fixed order. Products
are added with one rounding (`fma`).

numba leaves it to the compiler whether a loop becomes vector instructions. `Lanes` is a vector for
sure: the first half of this file makes it known to numba, the second half computes with it. They
stand in one file because numba's cache of compiled code sees the changes of one file only.

Arrays hold float32, images last: (…, N), N a multiple of 16. `first` is the first image of a chunk.
Arrays for one chunk are flat: the vector of entry i is at i · 16. Weights have the layout that
`layers.py` and `gates/small.py` give them. ' marks a gradient; m is an expert, e an expert's
encoder or the gate, which is the last of M + 1.
"""

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic, models, register_model

L = 16  # lanes
SIDE, PIXELS = 28, 784
FRAME = SIDE + 1  # a row and a column of zeros come first
HALF, QUARTER = 14, 7  # sides after the first and the second convolution

FLOAT, INDEX = ir.FloatType(), ir.IntType(32)
VECTOR = ir.VectorType(FLOAT, L)


class Lanes(types.Type):
    """The type of a vector of 16 floats."""

    def __init__(self):
        super().__init__("Lanes")


@register_model(Lanes)
class _Model(models.PrimitiveModel):
    def __init__(self, manager, lanes):
        super().__init__(manager, lanes, VECTOR)


lanes = Lanes()


def registers(count: int):
    """Return a function for loops that returns memory of `count` vectors.

    The compiler keeps it in registers where all indices are constant once loops of constant length
    are unrolled.
    """

    @intrinsic
    def allocate(typing):
        def code(context, builder, signature, arguments):
            memory = cgutils.alloca_once(builder, ir.ArrayType(VECTOR, count))
            return builder.bitcast(memory, FLOAT.as_pointer())

        return types.CPointer(types.float32)(), code

    return allocate


def _address(context, builder, signature, arguments):
    memory, offset = arguments[:2]
    if isinstance(signature.args[0], types.Array):
        memory = context.make_array(signature.args[0])(context, builder, memory).data
    return builder.bitcast(builder.gep(memory, [offset]), VECTOR.as_pointer())


@intrinsic
def load(typing, memory, offset):
    """Read the vector at an offset of contiguous memory."""

    def code(context, builder, signature, arguments):
        return builder.load(_address(context, builder, signature, arguments), align=4)

    return lanes(memory, types.intp), code


@intrinsic
def store(typing, memory, offset, value):
    """Write a vector to an offset of contiguous memory."""

    def code(context, builder, signature, arguments):
        address = _address(context, builder, signature, arguments)
        builder.store(arguments[2], address, align=4)
        return context.get_dummy_value()

    return types.void(memory, types.intp, lanes), code


@intrinsic
def splat(typing, value):
    """Make a vector with a number in every lane."""

    def code(context, builder, signature, arguments):
        everywhere = ir.Constant(ir.VectorType(INDEX, L), None)
        one = ir.Constant(VECTOR, ir.Undefined)
        one = builder.insert_element(one, arguments[0], ir.Constant(INDEX, 0))
        return builder.shuffle_vector(one, one, everywhere)

    return lanes(types.float32), code


@intrinsic
def fma(typing, a, b, c):
    """Compute a b + c with one rounding."""

    def code(context, builder, signature, arguments):
        kind = ir.FunctionType(VECTOR, [VECTOR] * 3)
        function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.fma.v{L}f32")
        return builder.call(function, arguments)

    return lanes(lanes, lanes, lanes), code


@intrinsic
def add(typing, a, b):
    """Compute a + b."""

    def code(context, builder, signature, arguments):
        return builder.fadd(*arguments)

    return lanes(lanes, lanes), code


@intrinsic
def multiply(typing, a, b):
    """Compute a b."""

    def code(context, builder, signature, arguments):
        return builder.fmul(*arguments)

    return lanes(lanes, lanes), code


@intrinsic
def leaky(typing, value, output, slope):
    """Return the value where the output is positive, and slope · value elsewhere."""

    def code(context, builder, signature, arguments):
        value, output, slope = arguments
        positive = builder.fcmp_ordered(">", output, ir.Constant(VECTOR, None))
        return builder.select(positive, value, builder.fmul(value, slope))

    return lanes(lanes, lanes, lanes), code


@intrinsic
def total(typing, value):
    """Compute the sum of the lanes, by halves."""

    def code(context, builder, signature, arguments):
        (value,), undefined = arguments, ir.Constant(VECTOR, ir.Undefined)
        for away in (8, 4, 2, 1):
            order = [(lane + away) % L for lane in range(L)]
            order = ir.Constant(ir.VectorType(INDEX, L), order)
            value = builder.fadd(value, builder.shuffle_vector(value, undefined, order))
        return builder.extract_element(value, ir.Constant(INDEX, 0))

    return types.float32(lanes), code


four, eight, twelve, sixteen = (registers(count) for count in (4, 8, 12, 16))
loop = njit(error_model="numpy")  # what other loops call
kernel = njit(error_model="numpy", cache=True)  # what Python calls


@loop
def clear(memory, count):
    """Set vectors to zero."""
    for i in range(count):
        store(memory, i * L, splat(np.float32(0)))


@loop
def increase(sums, i, value):
    """Add to the vector of entry i."""
    store(sums, i * L, add(load(sums, i * L), value))


@loop
def frame(pixels, first, x):
    """Copy a chunk of pixels, (784, N), to x, (29, 29), whose first row and column stay zeros."""
    n = pixels.shape[1]
    for row in range(SIDE):
        for column in range(SIDE):
            value = load(pixels, (row * SIDE + column) * n + first)
            store(x, ((row + 1) * FRAME + column + 1) * L, value)


@loop
def conv1(x, weight, bias, slope, h1):
    """Map x, (29, 29), to h1, (15, 15, c1), whose first row and column stay zeros.

    The weight is (9, c1).
    """
    acc, c1 = four(), len(bias)
    for row in range(HALF):
        for column in range(HALF):
            for o in range(0, c1, 4):
                for j in range(4):
                    store(acc, j * L, splat(bias[o + j]))
                for dy in range(3):
                    for dx in range(3):
                        value = load(x, ((2 * row + dy) * FRAME + 2 * column + dx) * L)
                        for j in range(4):
                            w = splat(weight[dy * 3 + dx, o + j])
                            store(acc, j * L, fma(w, value, load(acc, j * L)))
                at = ((row + 1) * (HALF + 1) + column + 1) * c1 + o
                for j in range(4):
                    value = load(acc, j * L)
                    store(h1, (at + j) * L, leaky(value, value, splat(slope)))


@loop
def conv2(h1, weight, bias, slope, first, h2):
    """Map h1 to a chunk of h2, (49 c2, N). The weight is (c2, c1, 3, 3)."""
    acc, (c2, c1, _, _), n = eight(), weight.shape, h2.shape[1]
    for row in range(QUARTER):
        for column in range(QUARTER):
            for o in range(0, c2, 8):
                for j in range(8):
                    store(acc, j * L, splat(bias[o + j]))
                for dy in range(3):
                    for dx in range(3):
                        at = ((2 * row + dy) * (HALF + 1) + 2 * column + dx) * c1
                        for k in range(c1):
                            value = load(h1, (at + k) * L)
                            for j in range(8):
                                w = splat(weight[o + j, k, dy, dx])
                                store(acc, j * L, fma(w, value, load(acc, j * L)))
                at = (row * QUARTER + column) * c2 + o
                for j in range(8):
                    value = load(acc, j * L)
                    store(h2, (at + j) * n + first, leaky(value, value, splat(slope)))


@kernel
def encode(pixels, w1, b1, w2, b2, slopes, x, h1, h2):
    """Map pixels, (784, N), to h2, (M+1, 49 c2, N), by the convolutions of every encoder."""
    for e in range(len(slopes)):
        for first in range(0, pixels.shape[1], L):
            frame(pixels, first, x)
            conv1(x, w1[e], b1[e], slopes[e], h1)
            conv2(h1, w2[e], b2[e], slopes[e], first, h2[e])


@kernel
def linear(x, weight, bias, slope, y):
    """Map x, (M, K, N), to y, (M, J, N): leaky ReLU of the linear maps of M experts.

    The weight is (M, K, J), the bias (M, J). With slope 1 nothing follows the map.
    """
    acc, (M, K, J), n = eight(), weight.shape, x.shape[2]
    for m in range(M):
        for first in range(0, n, L):
            for o in range(0, J - 7, 8):
                for j in range(8):
                    store(acc, j * L, splat(bias[m, o + j]))
                for k in range(K):
                    value = load(x[m], k * n + first)
                    for j in range(8):
                        w = splat(weight[m, k, o + j])
                        store(acc, j * L, fma(w, value, load(acc, j * L)))
                for j in range(8):
                    value = load(acc, j * L)
                    store(y[m], (o + j) * n + first, leaky(value, value, splat(slope)))
            for o in range(J // 8 * 8, J):
                value = splat(bias[m, o])
                for k in range(K):
                    value = fma(splat(weight[m, k, o]), load(x[m], k * n + first), value)
                store(y[m], o * n + first, leaky(value, value, splat(slope)))


@loop
def up1(d, first, weight, bias, slope, u):
    """Map a chunk of d, (49 c2, N), to u, (49, 4, c1): blocks of 2×2 pixels.

    The weight is (c2, 4 c1), the bias (c1,).
    """
    acc, c1, (c2, size), n = eight(), len(bias), weight.shape, d.shape[1]
    for p in range(49):
        for o in range(0, size, 8):
            for j in range(8):
                store(acc, j * L, splat(bias[(o + j) % c1]))
            for k in range(c2):
                value = load(d, (p * c2 + k) * n + first)
                for j in range(8):
                    w = splat(weight[k, o + j])
                    store(acc, j * L, fma(w, value, load(acc, j * L)))
            for j in range(8):
                value = load(acc, j * L)
                store(u, (p * size + o + j) * L, leaky(value, value, splat(slope)))


@loop
def pixel(block, q):
    """Return the place of pixel q of 4 in the 2×2 block that block b = 4 p + s of u becomes."""
    p, s = block // 4, block % 4
    row = p // QUARTER * 4 + s // 2 * 2 + q // 2
    return row * SIDE + p % QUARTER * 4 + s % 2 * 2 + q % 2


@kernel
def decode(d, w1, b1, w2, b2, slope, u, x):
    """Map d, (M, 49 c2, N), to x, (M, 784, N), the reconstructions before the sigmoid."""
    acc, c1, n = four(), b1.shape[1], d.shape[2]
    for m in range(len(d)):
        for first in range(0, n, L):
            up1(d[m], first, w1[m], b1[m], slope, u)
            for block in range(196):
                for q in range(4):
                    store(acc, q * L, splat(b2[m]))
                for k in range(c1):
                    value = load(u, (block * c1 + k) * L)
                    for q in range(4):
                        store(acc, q * L, fma(splat(w2[m, k, q]), value, load(acc, q * L)))
                for q in range(4):
                    store(x[m], pixel(block, q) * n + first, load(acc, q * L))


@loop
def residuals(x, pixels, at, r):
    """Compute the residual of each expert at one pixel of a chunk."""
    target = multiply(load(pixels, at), splat(np.float32(-1)))
    for m in range(len(x)):
        store(r, m * L, add(load(x[m], at), target))


@kernel
def residual_products(x, pixels, r, sums, products):
    """Compute the products of residuals of reconstructions x, (M, 784, N): (M, M, N), means."""
    M, n = len(x), pixels.shape[1]
    for first in range(0, n, L):
        clear(sums, M * M)
        for i in range(PIXELS):
            residuals(x, pixels, i * n + first, r)
            for k in range(M):
                for m in range(k + 1):
                    at = (k * M + m) * L
                    store(sums, at, fma(load(r, k * L), load(r, m * L), load(sums, at)))
        for k in range(M):
            for m in range(k + 1):
                mean = multiply(load(sums, (k * M + m) * L), splat(np.float32(1 / PIXELS)))
                store(products, (k * M + m) * n + first, mean)
                store(products, (m * M + k) * n + first, mean)


@kernel
def residuals_backward(gradient, pixels, r, x):
    """Put x', the gradient before the sigmoid, in the place of x, given (M, M, N) of residuals."""
    M, n = len(x), pixels.shape[1]
    for first in range(0, n, L):
        for i in range(PIXELS):
            at = i * n + first
            residuals(x, pixels, at, r)
            for m in range(M):
                value = splat(np.float32(0))
                for k in range(M):
                    weight = load(gradient, (m * M + k) * n + first)
                    value = fma(weight, load(r, k * L), value)
                output = load(x[m], at)
                slope = fma(multiply(output, splat(np.float32(-1))), output, output)
                store(x[m], at, multiply(value, slope))


@loop
def conv2_weights(h1, y, c1, c2, sums, bias_sums):
    """Add to the gradient of weights, entries (c2, c1, 3, 3), and of biases, (c2,)."""
    acc = twelve()
    for k in range(c1):
        for dy in range(3):
            for o in range(0, c2, 4):
                clear(acc, 12)
                for row in range(QUARTER):
                    for column in range(QUARTER):
                        at = ((2 * row + dy) * (HALF + 1) + 2 * column) * c1 + k
                        to = (row * QUARTER + column) * c2 + o
                        for dx in range(3):
                            value = load(h1, (at + dx * c1) * L)
                            for j in range(4):
                                i = (dx * 4 + j) * L
                                store(acc, i, fma(value, load(y, (to + j) * L), load(acc, i)))
                for dx in range(3):
                    for j in range(4):
                        to = ((o + j) * c1 + k) * 9 + dy * 3 + dx
                        increase(sums, to, load(acc, (dx * 4 + j) * L))
    for p in range(49):
        for o in range(c2):
            increase(bias_sums, o, load(y, (p * c2 + o) * L))


@loop
def conv2_inputs(h1, y, weight, slope, dh1):
    """Map y', (49, c2), to h1' before its activation, (14, 14, c1)."""
    acc, (c2, c1, _, _) = four(), weight.shape
    for row in range(HALF):
        for column in range(HALF):
            for k in range(0, c1, 4):
                clear(acc, 4)
                for dy in range((row + 1) % 2, 3, 2):
                    for dx in range((column + 1) % 2, 3, 2):
                        r, c = (row + 1 - dy) // 2, (column + 1 - dx) // 2
                        if r < QUARTER and c < QUARTER:
                            for o in range(c2):
                                value = load(y, ((r * QUARTER + c) * c2 + o) * L)
                                for j in range(4):
                                    w = splat(weight[o, k + j, dy, dx])
                                    store(acc, j * L, fma(w, value, load(acc, j * L)))
                at = ((row + 1) * (HALF + 1) + column + 1) * c1 + k
                to = (row * HALF + column) * c1 + k
                for j in range(4):
                    output = load(h1, (at + j) * L)
                    store(dh1, (to + j) * L, leaky(load(acc, j * L), output, splat(slope)))


@loop
def conv1_weights(x, dh1, c1, sums, bias_sums):
    """Add to the gradient of weights, entries (9, c1), and of biases, (c1,)."""
    acc = twelve()
    for dy in range(3):
        for k in range(0, c1, 4):
            clear(acc, 12)
            for row in range(HALF):
                for column in range(HALF):
                    at = (2 * row + dy) * FRAME + 2 * column
                    to = (row * HALF + column) * c1 + k
                    for dx in range(3):
                        value = load(x, (at + dx) * L)
                        for j in range(4):
                            i = (dx * 4 + j) * L
                            store(acc, i, fma(value, load(dh1, (to + j) * L), load(acc, i)))
            for dx in range(3):
                for j in range(4):
                    to = (dy * 3 + dx) * c1 + k + j
                    increase(sums, to, load(acc, (dx * 4 + j) * L))
    for p in range(HALF * HALF):
        for k in range(c1):
            increase(bias_sums, k, load(dh1, (p * c1 + k) * L))


@loop
def collect(sums, gradients, m):
    """Write the totals over the lanes of several sums into row m of each gradient."""
    for part, gradient in zip(sums, gradients):  # noqa: B905 (which numba does not know)
        for i in range(gradient.shape[1]):
            gradient[m, i] = total(load(part, i * L))


@kernel
def encode_backward(pixels, w1, b1, w2, slopes, h2, dh2, memory, sums, gradients):
    """Compute gradients of both convolutions, four of (M+1, entries) as the filters, from h2'."""
    (x, h1, y, dh1), (s1, sb1, s2, sb2), (_, c2, c1, _, _) = memory, sums, w2.shape
    n = pixels.shape[1]
    for e in range(len(slopes)):
        for part in sums:
            clear(part, len(part) // L)
        for first in range(0, n, L):
            frame(pixels, first, x)
            conv1(x, w1[e], b1[e], slopes[e], h1)
            for i in range(49 * c2):
                value, output = load(dh2[e], i * n + first), load(h2[e], i * n + first)
                store(y, i * L, leaky(value, output, splat(slopes[e])))
            conv2_weights(h1, y, c1, c2, s2, sb2)
            conv2_inputs(h1, y, w2[e], slopes[e], dh1)
            conv1_weights(x, dh1, c1, s1, sb1)
        collect(sums, gradients, e)


@loop
def up2_weights(u, x, first, c1, sums, bias_sums):
    """Add to the gradient of weights, entries (c1, 4), and of the bias."""
    acc, n = sixteen(), x.shape[1]
    for k in range(0, c1, 4):
        clear(acc, 16)
        for block in range(196):
            for q in range(4):
                value = load(x, pixel(block, q) * n + first)
                for j in range(4):
                    at = (j * 4 + q) * L
                    output = load(u, (block * c1 + k + j) * L)
                    store(acc, at, fma(output, value, load(acc, at)))
        for i in range(16):
            increase(sums, k * 4 + i, load(acc, i * L))
    for i in range(PIXELS):
        increase(bias_sums, 0, load(x, i * n + first))


@loop
def up2_inputs(u, x, first, weight, slope, du):
    """Map a chunk of x', (784, N), to u' before its activation, (196, c1)."""
    acc, c1, n = four(), len(weight), x.shape[1]
    for block in range(196):
        for k in range(0, c1, 4):
            clear(acc, 4)
            for q in range(4):
                value = load(x, pixel(block, q) * n + first)
                for j in range(4):
                    w = splat(weight[k + j, q])
                    store(acc, j * L, fma(w, value, load(acc, j * L)))
            for j in range(4):
                at = (block * c1 + k + j) * L
                store(du, at, leaky(load(acc, j * L), load(u, at), splat(slope)))


@loop
def up1_weights(d, first, du, c1, c2, sums, bias_sums):
    """Add to the gradient of weights, entries (c2, 4 c1), and of biases, (c1,)."""
    acc, n = sixteen(), d.shape[1]
    for k in range(0, c2, 4):
        for o in range(0, 4 * c1, 4):
            clear(acc, 16)
            for p in range(49):
                for i in range(4):
                    value = load(d, (p * c2 + k + i) * n + first)
                    for j in range(4):
                        at, to = (i * 4 + j) * L, (p * 4 * c1 + o + j) * L
                        store(acc, at, fma(value, load(du, to), load(acc, at)))
            for i in range(4):
                for j in range(4):
                    to = (k + i) * 4 * c1 + o + j
                    increase(sums, to, load(acc, (i * 4 + j) * L))
    for block in range(196):
        for k in range(c1):
            increase(bias_sums, k, load(du, (block * c1 + k) * L))


@loop
def up1_inputs(d, first, du, weight, slope, dd):
    """Map u', (49, 4 c1), to a chunk of d' before its activation, (49 c2, N)."""
    acc, (c2, size), n = eight(), weight.shape, d.shape[1]
    for p in range(49):
        for k in range(0, c2, 8):
            clear(acc, 8)
            for o in range(size):
                value = load(du, (p * size + o) * L)
                for j in range(8):
                    w = splat(weight[k + j, o])
                    store(acc, j * L, fma(w, value, load(acc, j * L)))
            for j in range(8):
                at = (p * c2 + k + j) * n + first
                store(dd, at, leaky(load(acc, j * L), load(d, at), splat(slope)))


@kernel
def decode_backward(x, d, w1, b1, w2, slope, memory, sums, dd, gradients):
    """Compute gradients of both up-convolutions, four of (M, entries), and d', from x'.

    d' is that before the activation.
    """
    (u, du), (s1, sb1, s2, sb2), (_, c2, size), n = memory, sums, w1.shape, d.shape[2]
    c1 = size // 4
    for m in range(len(d)):
        for part in sums:
            clear(part, len(part) // L)
        for first in range(0, n, L):
            up1(d[m], first, w1[m], b1[m], slope, u)
            up2_weights(u, x[m], first, c1, s2, sb2)
            up2_inputs(u, x[m], first, w2[m], slope, du)
            up1_weights(d[m], first, du, c1, c2, s1, sb1)
            up1_inputs(d[m], first, du, w1[m], slope, dd[m])
        collect(sums, gradients, m)
