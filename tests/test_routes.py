"""All routes there are: none vanishes and none appears unseen."""

from __future__ import annotations

from flask import Flask

from tests.scene import routes

ROLES = {"public", "patient", "app", "doctor", "desk", "lab", "pharmacist", "admin", "auditor", "screen", "share"}

# Where whoever is not signed in, or whose page is locked, signs in.
SIGNING_IN = {f"staff.{name}" for name in ("sign_in", "take_sign_in", "step", "take_step", "lock_page", "unlock")}

# method, address, endpoint. A line that goes is somebody's bookmark; a line that comes needs its row in tests/rows.py too.
ROUTES = """
GET / patient.home
GET /api/v1/appointments api.appointments
POST /api/v1/appointments api.hold
POST /api/v1/appointments/<appointment_id>/cancel api.cancel
POST /api/v1/appointments/<appointment_id>/confirm api.confirm
POST /api/v1/appointments/<appointment_id>/release api.release
POST /api/v1/check-in api.check_in
GET /api/v1/complaints api.complaints
GET /api/v1/complaints/<complaint_id> api.complaint
GET /api/v1/departments api.departments
GET /api/v1/departments/<department_id>/days api.days
POST /api/v1/login api.login
POST /api/v1/logout api.logout
GET /api/v1/me api.me
GET /api/v1/moves api.list_moves
POST /api/v1/moves/<offer_id>/accept api.accept_move
POST /api/v1/moves/<offer_id>/decline api.decline_move
GET /api/v1/openapi.json api.openapi
GET /api/v1/people api.list_people
POST /api/v1/people api.bind_person
POST /api/v1/people/<link_id>/proof api.prove
POST /api/v1/people/<link_id>/proof/phone api.ask_proof
POST /api/v1/people/<link_id>/unbind api.unbind
GET /api/v1/permits api.permits
POST /api/v1/permits api.give_permit
POST /api/v1/permits/<permit_id>/withdraw api.withdraw_permit
GET /api/v1/readers api.readers
GET /api/v1/receipts api.receipts
GET /api/v1/receipts/<event_id> api.receipt
POST /api/v1/receipts/<event_id>/complaint api.complain
GET /api/v1/records api.records
GET /api/v1/records/<visit_id> api.visit_record
GET /api/v1/records/courses/<record_id> api.course
GET /api/v1/records/documents/<document_id> api.document
GET /api/v1/records/known/<patient_ref> api.known
GET /api/v1/records/other/<record_id> api.other_records
GET /api/v1/sessions api.sessions
GET /api/v1/slots api.slots
GET /api/v1/tickets api.tickets
GET /api/v1/tickets/<ticket_id> api.ticket
POST /api/v1/tickets/<ticket_id>/back api.back
POST /api/v1/tickets/<ticket_id>/leave api.leave
GET /api/v1/waitlist api.waitlists
POST /api/v1/waitlist api.join_waitlist
POST /api/v1/waitlist/<entry_id>/accept api.accept_offer
POST /api/v1/waitlist/<entry_id>/leave api.leave_waitlist
GET /book patient.book
POST /book/department patient.choose_department
POST /book/hold patient.hold
GET /book/times patient.book_times
GET /c/<code> patient.arrive
GET /check-in patient.check_in
POST /check-in patient.take_check_in
POST /check-in/code patient.type_code
GET /demo demo.home
POST /demo/be/<account> demo.be_patient
POST /demo/call-me demo.call_me
POST /demo/screen demo.be_screen
POST /demo/see-me demo.see_me
POST /demo/work/<login> demo.be_staff
GET /erased patient.erased
GET /erased/receipt patient.erased_file
GET /fhir/R4/.well-known/smart-configuration fhir.smart_configuration
GET /fhir/R4/<kind> fhir.search
GET /fhir/R4/<kind>/<its_id> fhir.read
POST /fhir/R4/<kind>/_search fhir.search_by_post
GET /fhir/R4/metadata fhir.metadata
GET /fhir/shl/<token> fhir.shl_direct
POST /fhir/shl/<token> fhir.shl_manifest
GET /fhir/shl/<token>/file fhir.shl_file
GET /fhir/shl/<token>/now fhir.shl_now
POST /fhir/oauth/revoke fhir.revoke
POST /fhir/oauth/token fhir.token
GET /healthz health.healthz
GET /language/<lang> language
GET /ledger/ log.ledger
GET /ledger/checkpoint log.checkpoint
GET /ledger/checkpoints log.checkpoints
GET /ledger/frozen/<int:nth>/ log.frozen
GET /ledger/frozen/<int:nth>/<any(checkpoint, keys, successor):file> log.frozen_file
GET /ledger/frozen/<int:nth>/notices/<which>.tlog-proof log.frozen_notice
GET /ledger/frozen/<int:nth>/tile/<path:path> log.frozen_tile
GET /ledger/keys log.keys
GET /ledger/notices/<nth>.tlog-proof log.notice
GET /ledger/policy log.policy
GET /ledger/program.zip log.program
GET /ledger/tile/<path:path> log.tile
GET /ledger/wall log.wall
GET /me patient.me
GET /me/apps smart.apps
POST /me/apps/<grant_id>/withdraw smart.withdraw
GET /me/shares patient.shares
GET /me/shares/<share_id> patient.share
POST /me/shares/<share_id>/stop patient.stop_share
GET /me/shares/new patient.new_share
POST /me/shares/new patient.make_share
GET /share patient.open_share
GET /me/takeout patient.takeouts
POST /me/takeout patient.ask_takeout
POST /me/takeout/<takeout_id>/fetch patient.fetch_takeout
GET /me/takeout/now patient.takeouts_now
GET /me/corrections patient.corrections
POST /me/corrections patient.ask_correction
GET /me/erase patient.erasing
POST /me/erase patient.erase
GET /me/promises patient.strikes
GET /me/promises/<strike_id> patient.strike
POST /me/promises/<strike_id>/appeal patient.appeal
POST /moves/<offer_id>/accept patient.accept_move
POST /moves/<offer_id>/decline patient.decline_move
GET /now patient.home_now
GET /oauth/authorize smart.authorize
POST /oauth/authorize smart.decide
GET /people/<link_id> patient.person
POST /people/<link_id>/proof patient.prove
POST /people/<link_id>/proof/phone patient.ask_proof
POST /people/<link_id>/unbind patient.unbind
POST /people/guardians/<link_id>/end patient.end_guardian
GET /people/new patient.new_person
POST /people/new patient.bind_person
GET /queue patient.queue
POST /queue/<ticket_id>/back patient.take_back
GET /queue/<ticket_id>/leave patient.leave_queue
POST /queue/<ticket_id>/leave patient.take_leave
GET /queue/now patient.queue_now
POST /remind patient.remind
GET /readyz health.readyz
GET /metrics metrics.metrics
GET /receipts patient.receipts
GET /receipts/<event_id> patient.receipt
GET /receipts/<event_id>.tlog-proof patient.receipt_file
GET /receipts/<event_id>/paper patient.receipt_paper
GET /receipts/<event_id>/waiting patient.receipt_waiting
GET /receipts/complete patient.receipts_complete
GET /receipts/complete/part patient.receipts_whole
GET /receipts/part patient.receipts_part
GET /records patient.records
GET /records/<visit_id> patient.record
GET /records/other/<record_id> patient.other_records
GET /records/known patient.known
GET /records/courses/<record_id> patient.course
GET /records/documents/<document_id> patient.document
GET /records/documents/<document_id>/file patient.document_file
GET /records/unchanged/<row_id> patient.unchanged
GET /screen/ screen.board
GET /screen/now screen.board_now
GET /screen/pair screen.pair
POST /screen/pair screen.take_pairing
GET /sign-in patient.sign_in
POST /sign-in/code patient.phone_code
POST /sign-in/phone patient.phone
GET /sign-in/wechat patient.wechat
GET /sign-in/wechat/callback patient.wechat_callback
POST /sign-out patient.sign_out
GET /slips/<token> log.slip
GET /staff/ staff.home
GET /staff/<any(doctor, desk, lab, pharmacy, admin, auditor):area>/lock staff.lock_page
GET /staff/<any(doctor, desk, lab, pharmacy, admin, auditor):area>/me staff.me
POST /staff/<any(doctor, desk, lab, pharmacy, admin, auditor):area>/active staff.active
POST /staff/<any(doctor, desk, lab, pharmacy, admin, auditor):area>/lock staff.lock
POST /staff/<any(doctor, desk, lab, pharmacy, admin, auditor):area>/lock/open staff.unlock
POST /staff/<any(doctor, desk, lab, pharmacy, admin, auditor):area>/me/code staff.begin_totp
POST /staff/<any(doctor, desk, lab, pharmacy, admin, auditor):area>/me/code/confirm staff.confirm_totp
POST /staff/<any(doctor, desk, lab, pharmacy, admin, auditor):area>/me/password staff.change_password
POST /staff/<any(doctor, desk, lab, pharmacy, admin, auditor):area>/me/pin staff.set_pin
POST /staff/<any(doctor, desk, lab, pharmacy, admin, auditor):area>/me/sittings/<sitting_ref>/end staff.end_sitting
POST /staff/<any(doctor, desk, lab, pharmacy, admin, auditor):area>/sign-out staff.sign_out
POST /staff/active staff.active
GET /staff/admin/apps admin.apps
POST /staff/admin/apps admin.register_app
POST /staff/admin/apps/<app_id>/disable admin.disable_app
GET /staff/admin/people admin.people
POST /staff/admin/people admin.create
GET /staff/admin/people/<staff_ref> admin.person
POST /staff/admin/people/<staff_ref>/disable admin.disable
POST /staff/admin/people/<staff_ref>/enable admin.enable
POST /staff/admin/people/<staff_ref>/grants admin.grant
POST /staff/admin/people/<staff_ref>/grants/<grant_id>/end admin.end_grant
POST /staff/admin/people/<staff_ref>/password admin.reset_password
POST /staff/admin/people/<staff_ref>/second-factor admin.reset_totp
GET /staff/admin/rules admin.rules
GET /staff/admin/day admin.today
GET /staff/admin/day/<day> admin.day
GET /staff/admin/day/<day>.csv admin.day_csv
POST /staff/admin/day/<day>/close admin.close_day
POST /check-in/place patient.take_place
GET /screen/gate screen.gate
POST /screen/gate screen.take_code
GET /staff/admin/rules/<clinic_id> admin.rule
GET /staff/admin/rules/<clinic_id>/parts/<part_id> admin.department_rule
POST /staff/admin/rules/<clinic_id>/parts/<part_id> admin.change_department_rule
GET /staff/admin/rules/<clinic_id>/fence admin.fence
GET /staff/admin/rules/<clinic_id>/numbers admin.numbers
POST /staff/admin/rules/<clinic_id>/numbers admin.change_numbers
POST /staff/admin/rules/<clinic_id>/fence admin.change_fence
GET /staff/desk/corrections desk.corrections
GET /staff/desk/corrections/<correction_id> desk.correction
POST /staff/desk/corrections/<correction_id>/answer desk.answer_correction
GET /staff/doctor/restricted doctor.restricted
POST /staff/doctor/restricted/<ticket_id> doctor.open_restricted
GET /visits/<appointment_id>/code patient.own_code
GET /visits/<appointment_id>/code/now patient.own_code_now
POST /staff/admin/rules/<clinic_id> admin.change_rule
GET /permits patient.permits
GET /permits/new patient.new_permit
POST /permits/new patient.give_permit
POST /permits/<permit_id>/withdraw patient.withdraw_permit
GET /receipts/looks.csv patient.looks_file
GET /receipts/<event_id>/complaint patient.complain
POST /receipts/<event_id>/complaint patient.take_complaint
GET /complaints patient.complaints
GET /complaints/<complaint_id> patient.complaint
GET /emergencies/<emergency_id> patient.emergency
GET /staff/doctor/records doctor.readable
GET /staff/doctor/records/<patient_ref> doctor.granted
GET /staff/doctor/records/<patient_ref>/days doctor.granted_days
GET /staff/doctor/records/<patient_ref>/now doctor.granted_now
GET /staff/doctor/records/<patient_ref>/other/<record_id> doctor.granted_other
GET /staff/doctor/records/<patient_ref>/visits/<visit_id> doctor.granted_visit
GET /staff/doctor/emergency doctor.emergency
POST /staff/doctor/emergency doctor.break_glass
GET /staff/doctor/emergency/<emergency_id> doctor.emergency_record
GET /staff/doctor/emergency/<emergency_id>/now doctor.emergency_now
POST /staff/doctor/emergency/<emergency_id>/end doctor.end_emergency
GET /staff/auditor/reviews auditor.reviews
GET /staff/auditor/emergencies/<emergency_id> auditor.emergency
POST /staff/auditor/emergencies/<emergency_id>/judge auditor.judge
GET /staff/auditor/complaints/<complaint_id> auditor.complaint
POST /staff/auditor/complaints/<complaint_id>/answer auditor.answer
GET /staff/auditor/priorities/<grant_id> auditor.priority_note
GET /staff/auditor/events auditor.events
GET /staff/auditor/events/<event_id> auditor.event
GET /staff/auditor/events/<event_id>.tlog-proof auditor.event_file
GET /staff/desk/ desk.board
GET /staff/desk/appeals desk.appeals
GET /staff/desk/appeals/<appeal_id> desk.appeal
POST /staff/desk/appeals/<appeal_id>/decide desk.decide_appeal
GET /staff/desk/book-for desk.book_for
POST /staff/desk/book-for desk.find_for
GET /staff/desk/book-for/<patient_ref> desk.times_for
POST /staff/desk/book-for/<patient_ref> desk.take_book_for
GET /staff/desk/documents claims.look_up
POST /staff/desk/documents claims.open_document
POST /staff/desk/documents/<patient_ref>/claim-code claims.claim_code
POST /staff/desk/documents/guardianships/<link_id>/revoke claims.revoke_guardian
POST /staff/desk/documents/guardianships/<link_id>/verify claims.verify_guardian
POST /staff/desk/find desk.find
POST /staff/desk/move-offers/<offer_id>/accept desk.accept_offer
POST /staff/desk/move-offers/<offer_id>/decline desk.decline_offer
GET /staff/desk/now desk.board_now
GET /staff/desk/screens desk.screen_list
POST /staff/desk/screens/<screen_ref>/unpair desk.unpair
POST /staff/desk/screens/code desk.show_code
GET /staff/desk/sessions desk.sessions
POST /staff/desk/sessions/<session_id>/call desk.call_next
POST /staff/desk/sessions/<session_id>/late desk.late
GET /staff/desk/sessions/<session_id>/stop desk.stopped
POST /staff/desk/sessions/<session_id>/stop desk.stop
GET /staff/desk/slips/<slip_id> desk.printed_slip
POST /staff/desk/tickets/<ticket_id>/back desk.from_tests
POST /staff/desk/tickets/<ticket_id>/left desk.left
POST /staff/desk/tickets/<ticket_id>/move desk.move
POST /staff/desk/tickets/<ticket_id>/pass desk.pass_over
POST /staff/desk/tickets/<ticket_id>/priority desk.priority
GET /staff/desk/tickets/<ticket_id>/priority/note desk.priority_note
POST /staff/desk/tickets/<ticket_id>/priority/withdraw desk.withdraw_priority
POST /staff/desk/tickets/<ticket_id>/put-back desk.put_back
POST /staff/desk/tickets/<ticket_id>/recall desk.recall
GET /staff/desk/tickets/<ticket_id>/slip desk.slip
POST /staff/desk/tickets/<ticket_id>/tests desk.to_tests
POST /staff/desk/tickets/<ticket_id>/transfer desk.transfer
POST /staff/desk/tickets/<ticket_id>/undo desk.undo
GET /staff/desk/visits/<appointment_id> desk.visit
POST /staff/desk/visits/<appointment_id>/cancel desk.cancel
POST /staff/desk/visits/<appointment_id>/check-in desk.check_in
GET /staff/desk/visits/<appointment_id>/slip desk.booking_slip
POST /staff/desk/visits/<appointment_id>/slip desk.print_slip
GET /staff/desk/walk-in desk.walk_in
POST /staff/desk/walk-in desk.take_walk_in
GET /staff/doctor/ doctor.queue
GET /staff/doctor/back doctor.came_back
GET /staff/doctor/back/now doctor.came_back_now
GET /staff/doctor/now doctor.queue_now
POST /staff/doctor/orders/<order_id>/cancel doctor.cancel_order
POST /staff/doctor/orders/<order_id>/release doctor.release_result
POST /staff/doctor/sessions/<session_id>/call doctor.call_next
POST /staff/doctor/sessions/<session_id>/late doctor.late
GET /staff/doctor/tickets/<ticket_id> doctor.ticket
POST /staff/doctor/tickets/<ticket_id>/back doctor.from_tests
POST /staff/doctor/tickets/<ticket_id>/finish doctor.finish
POST /staff/doctor/tickets/<ticket_id>/left doctor.left
POST /staff/doctor/tickets/<ticket_id>/move doctor.move
POST /staff/doctor/tickets/<ticket_id>/pass doctor.pass_over
POST /staff/doctor/tickets/<ticket_id>/priority doctor.priority
GET /staff/doctor/tickets/<ticket_id>/priority/note doctor.priority_note
POST /staff/doctor/tickets/<ticket_id>/priority/withdraw doctor.withdraw_priority
POST /staff/doctor/tickets/<ticket_id>/put-back doctor.put_back
POST /staff/doctor/tickets/<ticket_id>/recall doctor.recall
POST /staff/doctor/tickets/<ticket_id>/start doctor.start
POST /staff/doctor/tickets/<ticket_id>/tests doctor.to_tests
POST /staff/doctor/tickets/<ticket_id>/undo doctor.undo
GET /staff/doctor/visits/<visit_id> doctor.visit
POST /staff/doctor/visits/<visit_id>/advice doctor.sign_advice
POST /staff/doctor/visits/<visit_id>/allergies doctor.record_allergy
POST /staff/doctor/visits/<visit_id>/problems doctor.record_problem
POST /staff/doctor/visits/<visit_id>/problems/<problem_id> doctor.change_problem
POST /staff/doctor/visits/<visit_id>/immunizations doctor.record_immunization
POST /staff/doctor/visits/<visit_id>/documents doctor.attach
POST /staff/doctor/visits/<visit_id>/documents/<document_id>/withdraw doctor.withdraw_document
GET /staff/doctor/documents/<document_id> doctor.document
POST /staff/lab/orders/<order_id>/documents lab.attach
POST /staff/doctor/visits/<visit_id>/diagnosis doctor.sign_diagnosis
POST /staff/doctor/visits/<visit_id>/orders doctor.order_tests
POST /staff/doctor/visits/<visit_id>/prescription doctor.sign_prescription
POST /staff/doctor/visits/<visit_id>/prescriptions/<record_id> doctor.sign_again
POST /staff/doctor/visits/<visit_id>/results doctor.sign_results
GET /staff/lab/ lab.work
GET /staff/lab/now lab.work_now
GET /staff/lab/orders/<order_id> lab.order
POST /staff/lab/orders/<order_id>/amend lab.amend
POST /staff/lab/orders/<order_id>/cancel lab.cancel
POST /staff/lab/orders/<order_id>/collect lab.collect
POST /staff/lab/orders/<order_id>/results lab.sign
GET /staff/lock staff.lock_page
POST /staff/lock staff.lock
POST /staff/lock/open staff.unlock
GET /staff/me staff.me
POST /staff/me/code staff.begin_totp
POST /staff/me/code/confirm staff.confirm_totp
POST /staff/me/password staff.change_password
POST /staff/me/pin staff.set_pin
POST /staff/me/sittings/<sitting_ref>/end staff.end_sitting
GET /staff/pharmacy/ pharmacy.work
GET /staff/pharmacy/now pharmacy.work_now
GET /staff/pharmacy/prescriptions/<record_id> pharmacy.prescription
POST /staff/pharmacy/prescriptions/<record_id>/accept pharmacy.accept
POST /staff/pharmacy/prescriptions/<record_id>/dispense pharmacy.dispense
POST /staff/pharmacy/prescriptions/<record_id>/return pharmacy.send_back
GET /staff/sign-in staff.sign_in
POST /staff/sign-in staff.take_sign_in
GET /staff/sign-in/next staff.step
POST /staff/sign-in/next staff.take_step
POST /staff/sign-out staff.sign_out
GET /static/<path:filename> static
GET /verify log.verify
GET /verify-worker.js log.worker
GET /verify/saved log.saved
GET /visits/<appointment_id> patient.visit
POST /visits/<appointment_id>/cancel patient.cancel_visit
POST /visits/<appointment_id>/confirm patient.confirm_visit
GET /visits/<appointment_id>/now patient.visit_now
POST /visits/<appointment_id>/release patient.release_visit
GET /waitlist patient.waitlists
POST /waitlist/<entry_id>/accept patient.accept_offer
POST /waitlist/<entry_id>/leave patient.leave_waitlist
POST /waitlist/join patient.join_waitlist
GET /waitlist/now patient.waitlists_now
GET POST /wechat-mock/<path:rest> demo.neighbour
"""


def test_the_routes_are_those_of_this_list(app: Flask) -> None:
    found = set()
    for rule in app.url_map.iter_rules():
        methods = " ".join(sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}))
        found.add(f"{methods} {rule.rule} {rule.endpoint}")
    listed = set(ROUTES.strip().splitlines())
    assert found - listed == set(), "new: put it into the list"
    assert listed - found == set(), "gone: take it out of the list, if that is meant"


def test_every_view_says_whom_it_is_for(app: Flask) -> None:
    for _method, rule, view in routes(app):
        audience = getattr(view, "audience", frozenset())
        assert audience and audience <= ROLES, rule.endpoint
        if rule.rule.startswith("/staff/") and rule.endpoint not in SIGNING_IN:
            assert audience <= {"doctor", "desk", "lab", "pharmacist", "admin", "auditor"}, rule.endpoint


def test_no_address_names_a_person_a_document_or_a_department(app: Flask) -> None:
    """Addresses stay in histories and logs (A5). The mini-program's are calls, which no history keeps."""
    for _method, rule, _view in routes(app):
        if not rule.rule.startswith("/api/"):
            named = rule.arguments & {"name", "phone", "number", "document", "department", "department_id", "openid"}
            assert not named, rule.rule


def test_what_changes_something_is_a_post(app: Flask) -> None:
    for rule in app.url_map.iter_rules():
        assert (rule.methods or set()) <= {"GET", "HEAD", "OPTIONS", "POST"}, rule.rule
