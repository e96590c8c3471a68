"""Diagnosis codes: the form of ICD-10, and the forty diagnoses that an outpatient clinic writes most.

The list is a convenience for typing; any code of the right form may be signed. Names are our own short ones in both
languages, after the common Chinese clinical usage.
"""

import re
from dataclasses import dataclass
from types import MappingProxyType

from app.domain.errors import DiagnosisCodeWrong
from app.domain.typed import tidy_number

# A letter and two digits, then what the editions add: WHO J06.9, American S72.001A, Chinese J06.900x001 and I10.x00.
_CODE = re.compile(r"([A-Z][0-9]{2})(?:([0-9X][0-9]{2}(?:X[0-9]{3})?)|([0-9][0-9A-Z]{0,3}))?")


@dataclass(frozen=True)
class Diagnosis:
    """One code with its name in Chinese and English."""

    code: str
    chinese: str
    english: str


def parse_code(text: str, field: str = "code") -> str:
    """Return the code in its one spelling, `J06.9`, `I10` or `J06.900x001`; a missing point is put in.

    Raises DiagnosisCodeWrong when the form is not ICD-10's (WHO, volume 2, 2.4).
    """
    match = _CODE.fullmatch(tidy_number(text))
    if match is None:
        raise DiagnosisCodeWrong(field)
    category, chinese, other = match.groups()
    if chinese is not None:
        return f"{category}.{chinese.lower()}"  # the Chinese edition writes its x small
    return category if other is None else f"{category}.{other}"


def find(words: str, limit: int = 8) -> list[Diagnosis]:
    """Return the common diagnoses whose code begins with `words` or whose name contains them, in the list's order."""
    wanted = words.strip().casefold()
    if not wanted:
        return []
    found = [
        d
        for d in COMMON.values()
        if d.code.casefold().startswith(wanted) or wanted in d.chinese or wanted in d.english.casefold()
    ]
    return found[:limit]


_NAMES = """
A09.9 急性胃肠炎 | Acute gastroenteritis
B02.9 带状疱疹 | Shingles
B18.1 慢性乙型病毒性肝炎 | Chronic hepatitis B
B35.3 足癣 | Athlete's foot
D50.9 缺铁性贫血 | Iron deficiency anaemia
E03.9 甲状腺功能减退症 | Hypothyroidism
E05.9 甲状腺功能亢进症 | Hyperthyroidism
E11.9 2型糖尿病 | Type 2 diabetes
E78.5 高脂血症 | High blood lipids
E79.0 高尿酸血症 | High uric acid
F41.1 广泛性焦虑障碍 | Generalized anxiety disorder
F51.0 非器质性失眠症 | Insomnia
G43.9 偏头痛 | Migraine
G44.2 紧张型头痛 | Tension headache
H10.9 结膜炎 | Conjunctivitis
H52.1 近视 | Short sight
H66.9 中耳炎 | Middle ear infection
I10 原发性高血压 | High blood pressure
I20.9 心绞痛 | Angina
I25.1 冠状动脉粥样硬化性心脏病 | Coronary heart disease
I48.9 心房颤动 | Atrial fibrillation
I63.9 脑梗死 | Stroke (cerebral infarction)
J02.9 急性咽炎 | Acute sore throat
J03.9 急性扁桃体炎 | Acute tonsillitis
J06.9 急性上呼吸道感染 | Common cold (acute upper respiratory infection)
J11.1 流行性感冒 | Influenza
J18.9 肺炎 | Pneumonia
J20.9 急性支气管炎 | Acute bronchitis
J30.4 变应性鼻炎 | Allergic rhinitis
J44.9 慢性阻塞性肺疾病 | Chronic obstructive pulmonary disease
J45.9 支气管哮喘 | Asthma
K02.9 龋齿 | Tooth decay
K21.9 胃食管反流病 | Acid reflux
K29.5 慢性胃炎 | Chronic gastritis
K59.0 便秘 | Constipation
K76.0 脂肪肝 | Fatty liver
L20.9 特应性皮炎 | Atopic dermatitis
L50.9 荨麻疹 | Hives
M10.9 痛风 | Gout
M47.8 颈椎病 | Cervical spondylosis
M54.5 腰痛 | Low back pain
N39.0 泌尿道感染 | Urinary tract infection
Z00.0 健康查体 | General health check
Z00.1 儿童常规健康检查 | Routine child health check
"""


def _read(names: str) -> dict[str, Diagnosis]:
    found: dict[str, Diagnosis] = {}
    for line in names.strip().splitlines():
        code, both = line.split(" ", 1)
        chinese, english = both.split(" | ")
        found[code] = Diagnosis(code, chinese, english)
    return found


COMMON = MappingProxyType(_read(_NAMES))
