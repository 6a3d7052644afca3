"""Every error that Footnote raises on purpose. Each message says what happened, with the values, then what to do.

FootnoteError
├── SettingsError               a setting is missing, misspelt or out of range
├── InvalidRequest              an argument that cannot be meant: an empty question, k below one, nothing to read (also a ValueError)
├── PathNotFound                a path that was given is not there
├── BackupError                 a backup cannot be written or restored
├── EvaluationError             the folder does not hold an evaluation set
├── AccountError                a user or key that is not there, or cannot be made so
├── NotPermitted                what only the local owner may do
├── LibraryError                the database of record refused or could not be read
│   ├── DocumentNotFound
│   ├── CollectionNotFound      no such collection, or none that this reader may read
│   ├── CollectionMismatch      built with another embedder than the settings name
│   └── DataFolderInUse         another process owns the Milvus Lite database
├── ParseError                  a file could not be turned into text; the message is the reason shown to people
│   ├── UnsupportedFormat
│   ├── CorruptFile
│   ├── EncryptedFile
│   ├── EmptyFile               nothing in it, or no text in it (a scan without OCR)
│   └── FileTooLarge
└── ModelError                  an embedder, reranker or generator failed
    ├── ModelUnavailable        weights or an extra are missing, or their hash is wrong
    ├── EndpointError           the endpoint refused, failed or answered nonsense
    │   └── EndpointDown        it cannot be reached, broke the connection, or failed itself: later it may serve
    ├── ContextOverflow         the prompt is longer than the model's context
    └── AnswerCutOff            the stream ended, stalled or ran out of time before a finish reason
"""

from __future__ import annotations


class FootnoteError(Exception):
    """Root of the tree: catch this one to catch whatever Footnote raises on purpose."""


class SettingsError(FootnoteError):
    pass


class InvalidRequest(FootnoteError, ValueError):
    pass


class PathNotFound(FootnoteError):
    pass


class BackupError(FootnoteError):
    pass


class EvaluationError(FootnoteError):
    pass


class AccountError(FootnoteError):
    pass


class NotPermitted(FootnoteError):
    pass


class LibraryError(FootnoteError):
    pass


class DocumentNotFound(LibraryError):
    pass


class CollectionNotFound(LibraryError):
    pass


class CollectionMismatch(LibraryError):
    pass


class DataFolderInUse(LibraryError):
    pass


class ParseError(FootnoteError):
    pass


class UnsupportedFormat(ParseError):
    pass


class CorruptFile(ParseError):
    pass


class EncryptedFile(ParseError):
    pass


class EmptyFile(ParseError):
    pass


class FileTooLarge(ParseError):
    pass


class ModelError(FootnoteError):
    pass


class ModelUnavailable(ModelError):
    pass


class EndpointError(ModelError):
    pass


class EndpointDown(EndpointError):
    pass


class ContextOverflow(ModelError):
    pass


class AnswerCutOff(ModelError):
    def __init__(self, message: str = "The answer ended before it was whole. Ask again.") -> None:
        super().__init__(message)
