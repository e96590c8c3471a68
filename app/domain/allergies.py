"""What a doctor records an allergy to, as data."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

# code -> names, and the ingredients or groups of the formulary that it forbids
SUBSTANCES: Mapping[str, tuple[str, str, frozenset[str]]] = MappingProxyType(
    {
        "penicillin": ("青霉素类", "Penicillins", frozenset({"penicillin"})),
        "cephalosporin": ("头孢菌素类", "Cephalosporins", frozenset({"cephalosporin"})),
        "sulfonamide": ("磺胺类", "Sulfonamides", frozenset({"sulfonamide"})),
        "macrolide": ("大环内酯类", "Macrolides", frozenset({"macrolide"})),
        "nsaid": ("解热镇痛药（阿司匹林、布洛芬等）", "NSAIDs (aspirin, ibuprofen …)", frozenset({"nsaid"})),
        "paracetamol": ("对乙酰氨基酚", "Paracetamol", frozenset({"paracetamol"})),
        "contrast": ("碘造影剂", "Iodinated contrast", frozenset()),
        "peanut": ("花生", "Peanut", frozenset()),
        "seafood": ("海鲜", "Seafood", frozenset()),
        "egg": ("鸡蛋", "Egg", frozenset()),
        "pollen": ("花粉", "Pollen", frozenset()),
        "other": ("其他", "Other", frozenset()),
    }
)
