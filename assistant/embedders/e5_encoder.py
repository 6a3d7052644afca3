"""The encoder of multilingual-e5-small as an ONNX model, made of the weights in their file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assistant.embedders.e5_weights import BLOCK, E5Weights, in_order

_MICROSOFT = "com.microsoft"


def encoder(weights: E5Weights) -> bytes:
    """An ONNX model from `embedded` (texts, tokens, dimension) and `lengths` (texts,) to `hidden` (texts, tokens, dimension). Its
    matrices stay in 4 bits. Devlin et al., "BERT", 2019."""
    from onnx import TensorProto, helper

    graph = _Graph(weights)
    axes: list[Any] = ["texts", "tokens", weights.dimension]
    made = helper.make_graph(
        graph.nodes(),
        "e5",
        [
            helper.make_tensor_value_info("embedded", TensorProto.FLOAT, axes),
            helper.make_tensor_value_info("lengths", TensorProto.INT32, ["texts"]),
        ],
        [helper.make_tensor_value_info("hidden", TensorProto.FLOAT, axes)],
        graph.constants,
    )
    versions = [helper.make_opsetid("", 17), helper.make_opsetid(_MICROSOFT, 1)]
    model: bytes = helper.make_model(made, opset_imports=versions, ir_version=9).SerializeToString()
    return model


class _Graph:
    """The nodes of the encoder, and the constants that they name."""

    def __init__(self, weights: E5Weights) -> None:
        self._weights, self._nodes, self.constants = weights, list[Any](), list[Any]()

    def nodes(self) -> list[Any]:
        w = self._weights
        scale, bias = self._float("emb.ln.w"), self._float("emb.ln.b")
        self._add("LayerNormalization", ["embedded", scale, bias], "input", domain="", axis=-1, epsilon=w.epsilon)
        last = "input"
        for layer in range(w.layers):
            last = self._layer(f"l{layer}.", last, "hidden" if layer == w.layers - 1 else f"l{layer}.out")
        return self._nodes

    def _layer(self, at: str, given: str, out: str) -> str:
        w = self._weights
        parts = [self._product(given, f"{at}{part}.w", w.dimension, w.dimension) for part in "qkv"]
        biases = self._constant(f"{at}qkv.b", np.concatenate([w.floats(f"{at}{part}.b") for part in "qkv"]))
        attended = self._add("MultiHeadAttention", [*parts, biases, "lengths"], f"{at}attended", num_heads=w.heads)
        mixed = self._product(attended, f"{at}ao.w", w.dimension, w.dimension)
        between = self._sum(mixed, given, f"{at}aln", f"{at}ao.b", f"{at}between")
        wide = self._product(between, f"{at}fi.w", w.dimension, w.inner)
        bent = self._add("BiasGelu", [wide, self._float(f"{at}fi.b")], f"{at}bent")
        narrow = self._product(bent, f"{at}fo.w", w.inner, w.dimension)
        return self._sum(narrow, between, f"{at}oln", f"{at}fo.b", out)

    def _product(self, given: str, name: str, inputs: int, outputs: int) -> str:
        """`given` times a matrix in blocks of 4 bits. Accuracy level 4 lets the other side be rounded to 8 bits."""
        scales, packed = self._weights.blocks(name)
        pairs = in_order(packed).reshape(outputs, inputs // BLOCK, BLOCK // 2, 2)
        matrix = self._constant(name, pairs[..., 0] | (pairs[..., 1] << 4))
        by = self._constant(f"{name}.scales", scales.reshape(outputs, -1))
        sizes: dict[str, Any] = {"K": inputs, "N": outputs, "bits": 4, "block_size": BLOCK, "accuracy_level": 4}
        return self._add("MatMulNBits", [given, matrix, by], f"{name}.out", **sizes)

    def _sum(self, one: str, other: str, norm: str, bias: str, out: str) -> str:
        named = [self._float(f"{norm}.w"), self._float(f"{norm}.b"), self._float(bias)]
        return self._add("SkipLayerNormalization", [one, other, *named], out, epsilon=self._weights.epsilon)

    def _add(self, kind: str, inputs: Sequence[str], out: str, *, domain: str = _MICROSOFT, **attributes: Any) -> str:
        from onnx import helper

        self._nodes.append(helper.make_node(kind, inputs, [out], domain=domain, **attributes))
        return out

    def _float(self, name: str) -> str:
        return self._constant(name, self._weights.floats(name))

    def _constant(self, name: str, values: NDArray[Any]) -> str:
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name
