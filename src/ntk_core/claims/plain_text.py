"""Markdown with $LaTeX$ as text for a terminal: `√α` for `\\sqrt\\alpha`, `‖x‖²`, `(α/√m)(1 + ‖x‖)`.

For the formulas of claims, which are short. Nothing raises: an unknown command is shown by its name.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field

_FORMULA = re.compile(r"\$\$(.+?)\$\$|\$(.+?)\$", re.DOTALL)
_TOKEN = re.compile(r"\\(?:[A-Za-z]+|.)|\S", re.DOTALL)

_RELATIONS = {
    "le": "≤", "ge": "≥", "ne": "≠", "to": "→", "mapsto": "↦", "Rightarrow": "⇒", "in": "∈", "sim": "∼",
    "approx": "≈", "mid": "|", "subset": "⊂", "subseteq": "⊆", "=": "=", "<": "<", ">": ">",
}  # fmt: skip
_SIGNS = {"+": " + ", "-": " − ", "pm": " ± ", "times": "×", "cdot": "·", "/": "/"}
_ATOMS = {
    "varepsilon": "ε", "varphi": "φ", "infty": "∞", "nabla": "∇", "top": "ᵀ", "ldots": "…", "cdots": "…",
    "ell": "ℓ", "circ": "∘", "prime": "′", "'": "′",
}  # fmt: skip
_OPERATORS = {"sum": "∑", "int": "∫", "prod": "∏"}
_OPERATORS |= {name: name for name in ("log", "exp", "sup", "inf", "max", "min", "lim", "sign")}
_FENCES = {"|": "|", r"\|": "‖", "(": "(", ")": ")", "[": "[", "]": "]", r"\{": "{", r"\}": "}"}
_ACCENTS = {"hat": "\u0302", "bar": "\u0304", "tilde": "\u0303"}
_SPACES = {",": " ", ";": " ", ":": " ", " ": " ", "!": "", "quad": "  ", "qquad": "  "}
_SIZES = {f"{size}{side}" for size in ("big", "Big", "bigg", "Bigg") for side in ("", "l", "r", "m")}
_SIZES |= {"left", "right", "displaystyle", "limits"}
_SUPERSCRIPTS = dict(zip("0123456789+−nᵀ′*", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿᵀ′*", strict=True))
_SUBSCRIPTS = dict(zip("0123456789+−aehijklmnoprstuvx", "₀₁₂₃₄₅₆₇₈₉₊₋ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ", strict=True))

DOUBLE_STRUCK = dict(zip("CHNPQRZ", "ℂℍℕℙℚℝℤ", strict=True))
"""Double-struck letters that Unicode has beside its alphabet of them."""


def plain_text(markdown: str) -> str:
    """The text with its formulas, `$…$` and `$$…$$`, in Unicode characters on one line."""
    return _FORMULA.sub(lambda match: formula(match[1] or match[2]), markdown)


def formula(latex: str) -> str:
    """A formula without its dollars, in Unicode characters on one line."""
    try:
        parser, text = _Parser(_TOKEN.findall(latex)), ""
        while parser.tokens:  # once, unless a brace is closed that was never opened
            text += parser.row().text()
        return text
    except RecursionError:  # of thousands of braces, in a file of somebody else's
        return latex


@dataclass
class _Piece:
    """Some characters and what they are: atom, operator, fraction, sign, relation, open, close, space."""

    text: str
    kind: str = "atom"


@dataclass
class _Row:
    pieces: list[_Piece] = field(default_factory=list)

    def text(self) -> str:
        """The pieces one after the other, with spaces, and brackets around fractions that are factors."""
        line = ""
        before = "start"
        for piece, after in zip(self.pieces, [*self.pieces, _Piece("", "end")][1:], strict=True):
            text = piece.text
            if piece.kind == "fraction" and (
                before in _FACTORS - {"open"} or after.kind in _FACTORS - {"close"}
            ):
                text = f"({text})"
            elif piece.kind == "sign" and before not in _FACTORS - {"open"}:
                text = text.strip()
            elif piece.kind == "operator":
                text = (" " if before in _FACTORS - {"open"} else "") + text
                text += " " if after.kind in _FACTORS - {"open", "close"} else ""
            line += text
            before = piece.kind if piece.kind != "space" else before
        return re.sub(r" {2,}", " ", line).strip()

    def factor(self, numerator: bool = False) -> str:
        """As part of a fraction or below a root, in brackets where needed."""
        text = self.text()
        depth, kinds = 0, set()
        for piece in self.pieces:
            depth += (piece.kind == "open") - (piece.kind == "close")
            kinds |= {piece.kind} if depth == 0 else set()
        whole = len(self.pieces) == 1 and self.pieces[0].kind == "atom"
        number = re.fullmatch(r"[\d.]+", text)
        product = numerator and not kinds & {"sign", "relation", "fraction"}
        return text if whole or number or product else f"({text})"


_FACTORS = {"atom", "operator", "fraction", "open", "close"}


class _Parser:
    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens[::-1]
        self.open: set[str] = set()
        self.size = ""

    def row(self) -> _Row:
        """All up to a closing brace or the end."""
        row = _Row()
        while self.tokens:
            token = self.tokens.pop()
            if token == "}":
                break
            if token in "^_":
                self._script(row, token)
            elif piece := self._piece(token):
                row.pieces.append(piece)
        return row

    def _argument(self) -> _Row:
        """What a command applies to: a group in braces, or one piece."""
        if not self.tokens:
            return _Row()
        token = self.tokens.pop()
        if token == "{":
            return self.row()
        piece = self._piece(token)
        return _Row([piece] if piece else [])

    def _piece(self, token: str) -> _Piece | None:
        name = token.removeprefix("\\")
        if token in _FENCES:
            return _Piece(_FENCES[token], self._side(token))
        if name in _RELATIONS:
            return _Piece(f" {_RELATIONS[name]} ", "relation")
        if name in _SIGNS:
            return _Piece(_SIGNS[name], "sign")
        if name in _OPERATORS:
            return _Piece(_OPERATORS[name], "operator")
        if token in {",", ";"}:
            return _Piece(f"{token} ", "relation")
        if token == "{":
            return _Piece(self.row().text())
        if token.startswith("\\"):
            return self._command(name)
        return _Piece(_ATOMS.get(token, token))

    def _command(self, name: str) -> _Piece | None:
        if name in _SIZES:
            self.size = name.rstrip("lrm") if name.lower().startswith("big") else ""
            return None
        if name in _SPACES:
            return _Piece(_SPACES[name], "space")
        if name in {"frac", "tfrac", "dfrac"}:
            over, under = self._argument(), self._argument()
            return _Piece(f"{over.factor(numerator=True)}/{under.factor()}", "fraction")
        if name == "sqrt":
            return _Piece(f"√{self._argument().factor()}")
        if name in _ACCENTS:
            return _Piece(self._argument().text() + _ACCENTS[name])
        if name == "mathbb":
            return _Piece(_double_struck(self._argument().text()))
        if name in {"text", "mathrm", "operatorname", "mathbf", "mathcal"}:
            return _Piece(self._argument().text(), "operator" if name == "operatorname" else "atom")
        return _Piece(_ATOMS.get(name) or _greek(name) or name)

    def _side(self, token: str) -> str:
        """Whether a bracket opens or closes; every second bar of a size closes."""
        bar, self.size = self.size + token, ""
        if token not in {"|", r"\|"}:
            return "open" if token in {"(", "[", r"\{"} else "close"
        self.open ^= {bar}
        return "open" if bar in self.open else "close"

    def _script(self, row: _Row, mark: str) -> None:
        """Attach a superscript or subscript to the last piece."""
        script = self._argument().text()
        small = _SUPERSCRIPTS if mark == "^" else _SUBSCRIPTS
        letters = script.replace(" ", "")
        if all(character in small for character in letters):
            script = "".join(small[character] for character in letters)
        else:
            script = mark + (script if len(script) == 1 else f"({script})")
        last = row.pieces.pop() if row.pieces else _Piece("")
        text, kind = (f"({last.text})", "atom") if last.kind == "fraction" else (last.text, last.kind)
        if script.startswith("_") and len(script) == 2:  # so that a letter after it does not join it
            kind = "operator"
        row.pieces.append(_Piece(text + script, kind))


def _greek(name: str) -> str:
    size = "CAPITAL" if name[:1].isupper() else "SMALL"
    letter = {"lambda": "lamda", "Lambda": "Lamda"}.get(name, name)
    try:
        return unicodedata.lookup(f"GREEK {size} LETTER {letter.upper()}")
    except KeyError:
        return ""


def _double_struck(text: str) -> str:
    return "".join(
        DOUBLE_STRUCK.get(c) or (chr(0x1D538 + ord(c) - ord("A")) if "A" <= c <= "Z" else c) for c in text
    )
