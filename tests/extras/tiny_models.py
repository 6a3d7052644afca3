"""Models of a few kilobytes with random weights, saved as the real ones are, so that the real libraries load them."""

from __future__ import annotations

from pathlib import Path

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import (
    BertConfig,
    BertForMaskedLM,
    BertForSequenceClassification,
    BertModel,
    PreTrainedTokenizerFast,
    XLMRobertaConfig,
    XLMRobertaForSequenceClassification,
    XLMRobertaModel,
    XLMRobertaTokenizerFast,
)

WORDS = ["leave", "staff", "holiday", "days", "engine", "diesel", "burns", "the", "of", "25", "get", "##s", "##ing"]
TEXTS = [
    "Staff get 25 days of holiday.",
    "the engine burns diesel",
    "leave",
    "",
    "holidays of the staffing engine, burns \ud800 " * 12,
]


def bert(folder: Path) -> Path:
    """A BERT encoder of dimension 16 with a WordPiece tokenizer."""
    torch.manual_seed(1)
    _tokenizer().save_pretrained(folder)
    BertModel(_bert_config()).save_pretrained(folder)
    return folder


def masked_language_model(folder: Path) -> Path:
    """What SPLADE is made of: the same with a head over its vocabulary."""
    torch.manual_seed(2)
    _tokenizer().save_pretrained(folder)
    BertForMaskedLM(_bert_config()).save_pretrained(folder)
    return folder


def bge_m3(folder: Path) -> Path:
    """XLM-R with a Unigram tokenizer and BGE-M3's two heads."""
    torch.manual_seed(3)
    config = _xlm_r(folder)
    XLMRobertaModel(config).save_pretrained(folder)
    for name, width in (("colbert_linear.pt", 32), ("sparse_linear.pt", 1)):
        torch.save(torch.nn.Linear(32, width).state_dict(), folder / name)
    return folder


def cross_encoder(folder: Path) -> Path:
    """BERT with a head that gives one score."""
    torch.manual_seed(4)
    _tokenizer().save_pretrained(folder)
    config = _bert_config()
    config.num_labels = 1
    BertForSequenceClassification(config).save_pretrained(folder)
    return folder


def bge_reranker(folder: Path) -> Path:
    """XLM-R with a head that gives one score, as BAAI/bge-reranker-v2-m3 is."""
    torch.manual_seed(5)
    config = _xlm_r(folder)
    config.num_labels, config.initializer_range = 1, 0.5
    XLMRobertaForSequenceClassification(config).save_pretrained(folder)
    return folder


def _bert_config() -> BertConfig:
    return BertConfig(
        vocab_size=5 + len(WORDS) + 26, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=34, initializer_range=0.5,
    )  # fmt: skip


def _xlm_r(folder: Path) -> XLMRobertaConfig:
    """The configuration; a Unigram tokenizer is saved in the folder."""
    pieces = ["<s>", "<pad>", "</s>", "<unk>", "▁", *(f"▁{word}" for word in WORDS[:-2]), *"abcdefghijklmnopqrstuvwxyz.,"]
    tokenizer = XLMRobertaTokenizerFast(
        vocab=[(piece, -float(place)) for place, piece in enumerate(pieces)], model_max_length=128
    )
    tokenizer.save_pretrained(folder)
    return XLMRobertaConfig(
        vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=130, type_vocab_size=1,
    )  # fmt: skip


def _tokenizer() -> PreTrainedTokenizerFast:
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS, *"abcdefghijklmnopqrstuvwxyz"]
    tokenizer = Tokenizer(models.WordPiece({word: place for place, word in enumerate(vocabulary)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="[UNK]", pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]",
        mask_token="[MASK]", model_max_length=32,
    )  # fmt: skip
