"""One answer of each kind about somebody's record, for the description; see `examples`."""

from __future__ import annotations

from app.web.api.examples import DOCTOR, ENDS, EVENT, REF, STARTS, WORDS

VISIT_LINE = {
    "id": REF, "at": STARTS, "state": "finished", "source": "here", "department": WORDS, "doctor": DOCTOR,
}  # fmt: skip
PERSON_RECORDS = {
    "patient_ref": REF,
    "visits": [VISIT_LINE],
    "others": [{"id": REF, "day_on": "2025-09-01", "count": 2}],
}
GLUCOSE = {
    "code": "15074-8", "name_zh": "空腹血糖", "name_en": "Fasting glucose", "value": "6.4", "unit": "mmol/L", "low": "3.9",
    "high": "6.1", "reference": "3.9-6.1", "flag": "H", "at": STARTS, "was": None,
}  # fmt: skip
PHARMACIST = {"zh": "潘悦", "en": "Pan Yue"}
SIGNER = {"zh": "陆晨", "en": "Lu Chen"}
FIRST_VERSION = {"number": 1, "status": "final", "at": ENDS, "who": SIGNER, "reason": None, "changes": []}
ALLERGY = {
    "substance": "penicillin", "name": {"zh": "青霉素类", "en": "Penicillins"}, "note": "", "at": STARTS, "reactions": "", "severity": "",
    "status": "",
}  # fmt: skip
PROBLEM = {
    "id": REF, "status": "active", "is_present": True, "code": "I10", "name": {"zh": "原发性高血压", "en": "Essential hypertension"},
    "onset": "2019-05", "until": "", "note": "", "recorded_at": STARTS, "changed_at": STARTS, "who": DOCTOR, "source": "here",
    "changes": 0,
}  # fmt: skip
IMMUNIZATION = {
    "id": REF, "status": "completed", "name": {"zh": "流感疫苗", "en": "Influenza vaccine"}, "given_at": STARTS, "dose": "第1剂", "lot": "",
    "site": "", "place": "", "note": "", "who": DOCTOR, "source": "here",
}  # fmt: skip
DOCUMENT = {
    "id": REF, "title": "胸片", "kind": {"zh": "影像", "en": "Picture"}, "media_type": "image/png", "size": 5,
    "sha256": "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824", "dated_at": STARTS, "recorded_at": STARTS,
    "who": DOCTOR, "source": "here", "status": "current", "visit_id": REF,
}  # fmt: skip
OPENED_DOCUMENT = {**DOCUMENT, "base64": "aGVsbG8=", "event_id": EVENT}
VISIT = {
    "id": REF, "patient_ref": REF, "at": STARTS, "state": "finished", "source": "here", "department": WORDS,
    "doctor": DOCTOR, "place": "", "reason": "",
    "diagnoses": [{"code": "I10", "name": {"zh": "原发性高血压", "en": "Essential hypertension"}, "note": ""}],
    "advice": [{"text": "低盐饮食，两周后复诊。"}],
    "prescriptions": [{"id": REF, "status": "active", "is_in_force": True, "at": STARTS, "lines": [
        {"name": "氨氯地平片", "dose": "5 mg", "frequency": "每天一次", "days": 14}],
        "steps": [{"what": "accepted", "at": ENDS, "who": PHARMACIST, "reason": None}]}],
    "reports": [{"title": {"zh": "血糖", "en": "Glucose"}, "status": "final", "at": STARTS, "conclusion": "",
                 "measurements": [GLUCOSE], "is_void": False, "versions": [FIRST_VERSION]}],
    "trends": [{"code": "15074-8", "name": {"zh": "空腹血糖", "en": "Fasting glucose"}, "unit": "mmol/L",
                "points": [{**GLUCOSE, "value": "5.8", "flag": "N", "at": "2025-09-01T02:30:00Z"}, GLUCOSE],
                "record_id": REF}],
    "allergies": [ALLERGY],
    "orders": [{"id": REF, "sample": "S0001", "state": "final", "panels": [{"zh": "空腹血糖", "en": "Fasting glucose"}],
                "samples": [{"zh": "静脉血（灰管）", "en": "Venous blood, fluoride (grey tube)"}], "ordered_at": STARTS,
                "collected_at": ENDS, "is_held": False, "opens_at": None}],
    "problems": [PROBLEM], "immunizations": [IMMUNIZATION], "documents": [DOCUMENT], "event_id": EVENT,
}  # fmt: skip
KNOWN = {
    "problems": [PROBLEM], "allergies": [ALLERGY],
    "medicines": [{"record_id": REF, "line": {"name": "氨氯地平片", "dose": "5 mg", "frequency": "每天一次", "days": 14},
                   "since_at": STARTS, "until_at": "2026-03-16T02:30:00Z"}],
    "immunizations": [IMMUNIZATION], "documents": [DOCUMENT], "event_id": EVENT,
}  # fmt: skip
COURSE = {
    "id": REF, "patient_ref": REF, "name": {"zh": "空腹血糖", "en": "Fasting glucose"},
    "values": [{"measurement": GLUCOSE, "visit_id": REF}], "next": None, "event_id": EVENT,
}  # fmt: skip
OTHERS = {
    **VISIT, "at": "2025-09-01T02:30:00Z", "state": "other", "source": "here", "department": None, "doctor": None,
    "diagnoses": [], "advice": [], "prescriptions": [], "trends": [], "allergies": [], "orders": [], "problems": [],
    "immunizations": [], "documents": [],
}  # fmt: skip
