"""Names of people as they are stored, compared and sorted.

One spelling per name: Unicode NFC, no needless spaces, one middle dot for names of minorities (阿依古丽·买买提).
What cannot be seen is refused rather than removed, so that no two records look alike and differ.
"""

import re
import unicodedata

from app.domain.errors import NameCharactersWrong, NameEmpty, NameTooLong

LONGEST_NAME = 60

MIDDLE_DOT = "·"
_DOTS = re.compile(r"\s*[·・•‧･∙⋅●]\s*")
_HAN = r"[〇々\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
_POINT_BETWEEN_HAN = re.compile(rf"(?<={_HAN})[.．](?={_HAN})")
_SPACE_BETWEEN_HAN = re.compile(rf"(?<={_HAN}) (?={_HAN})")
_MARKS = frozenset(" ·-'’.,()（）〇")  # beside letters, what printed names really contain


def clean_name(text: str, field: str = "name") -> str:
    """Return the stored spelling of a typed name, 1 to 60 characters.

    Raises:
        NameEmpty: nothing but spaces.
        NameTooLong: more than 60 characters, with the limit.
        NameCharactersWrong: with the position (from 1, in what was typed) of the first character that no name has.
    """
    for position, character in enumerate(text, start=1):
        if not _may_stand_in_name(character):
            raise NameCharactersWrong(field, position=position)
    name = " ".join(unicodedata.normalize("NFC", text).split())
    name = _DOTS.sub(MIDDLE_DOT, name)
    name = _POINT_BETWEEN_HAN.sub(MIDDLE_DOT, name)
    name = _SPACE_BETWEEN_HAN.sub("", name)
    if not any(c.isalpha() or c == "〇" for c in name):
        raise NameEmpty(field)
    if len(name) > LONGEST_NAME:
        raise NameTooLong(field, limit=LONGEST_NAME)
    return name


def match_key(name: str) -> str:
    """Return the form in which two spellings of one cleaned name agree: case, width, spaces and dots aside."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    return "".join(c for c in folded if c.isalpha() or c == "〇" or unicodedata.combining(c))


def sort_key(name: str) -> tuple[bytes, str]:
    """Return a key that sorts Chinese names as a phone book does, foreign ones by letter before them.

    GB 2312 put its 3755 common characters in the order of their pinyin, and GB 18030 keeps those places; rarer ones
    follow by radical.
    """
    return name.casefold().encode("gb18030", errors="replace"), name


def _may_stand_in_name(character: str) -> bool:
    category = unicodedata.category(character)
    if category in ("Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"):
        return False  # invisible, turning the line around, or of no meaning shared by two machines
    return (
        category[0] in "LM"
        or category == "Zs"
        or character in _MARKS
        or bool(_DOTS.fullmatch(character))
        or character == "．"
    )
