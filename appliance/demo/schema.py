"""The clinic's schema, as it grew: keys of every kind, two tables that need each other, and habits nobody remembers."""

SCHEMA = """
CREATE TABLE region (code TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL, population INTEGER);
CREATE TABLE facility (
    id INTEGER PRIMARY KEY, region_code TEXT NOT NULL REFERENCES region (code), name VARCHAR(80) NOT NULL,
    kind CHAR(12) NOT NULL, opened DATE, head_staff_id INTEGER REFERENCES staff (id)
);
CREATE TABLE staff (
    id INTEGER PRIMARY KEY, facility_id INTEGER NOT NULL REFERENCES facility (id),
    supervisor_id INTEGER REFERENCES staff (id), badge CHAR(8) NOT NULL UNIQUE, name TEXT NOT NULL,
    hired DATETIME NOT NULL, active BOOLEAN NOT NULL DEFAULT 1
);
CREATE TABLE ward (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, part_of INTEGER REFERENCES ward (id), beds INTEGER CHECK (beds >= 0)
);
CREATE TABLE patient (
    id INTEGER PRIMARY KEY AUTOINCREMENT, national_id TEXT UNIQUE, name TEXT NOT NULL, born DATE,
    sex CHAR(1) CHECK (sex IN ('F', 'M', 'X')), phone TEXT, note TEXT,
    facility_id INTEGER NOT NULL REFERENCES facility (id), registered_at TIMESTAMP NOT NULL
);
CREATE TABLE guardian (
    patient_id INTEGER NOT NULL REFERENCES patient (id), guardian_id INTEGER NOT NULL REFERENCES patient (id),
    relation TEXT NOT NULL DEFAULT 'parent', PRIMARY KEY (patient_id, guardian_id)
);
CREATE TABLE diagnosis_code (code TEXT NOT NULL PRIMARY KEY, title TEXT NOT NULL, chronic BOOLEAN NOT NULL);
CREATE TABLE medicine (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, unit_price NUMERIC(10,2) NOT NULL CHECK (unit_price >= 0),
    stock INTEGER
);
CREATE TABLE visit (
    id INTEGER PRIMARY KEY, patient_id INTEGER NOT NULL REFERENCES patient (id),
    staff_id INTEGER REFERENCES staff (id), ward_id INTEGER REFERENCES ward (id), began DATETIME NOT NULL,
    reason TEXT, weight_kg REAL, temperature REAL
);
CREATE TABLE visit_diagnosis (
    visit_id INTEGER NOT NULL REFERENCES visit (id), code TEXT NOT NULL REFERENCES diagnosis_code (code),
    certain BOOLEAN NOT NULL, PRIMARY KEY (visit_id, code)
) WITHOUT ROWID;
CREATE TABLE prescription (
    visit_id INTEGER NOT NULL REFERENCES visit (id) ON DELETE CASCADE, line INTEGER NOT NULL,
    medicine_id INTEGER NOT NULL REFERENCES medicine (id), quantity INTEGER NOT NULL, price NUMERIC(10,2) NOT NULL,
    PRIMARY KEY (visit_id, line)
);
CREATE TABLE lab_result (
    id CHAR(36) NOT NULL PRIMARY KEY, visit_id INTEGER NOT NULL REFERENCES visit (id), test TEXT NOT NULL,
    value NUMERIC(12,3), taken_at INTEGER NOT NULL
);
CREATE TABLE invoice (
    number TEXT NOT NULL PRIMARY KEY, patient_id INTEGER NOT NULL REFERENCES patient (id), issued DATE NOT NULL,
    total NUMERIC(12,2) NOT NULL, paid BOOLEAN NOT NULL DEFAULT 0
);
CREATE TABLE document (
    id INTEGER PRIMARY KEY, patient_id INTEGER NOT NULL REFERENCES patient (id), title TEXT NOT NULL, body BLOB
);
CREATE TABLE access_log (at DATETIME NOT NULL, who TEXT, action TEXT NOT NULL, detail TEXT);

CREATE INDEX visit_by_patient ON visit (patient_id, began DESC);
CREATE INDEX invoice_unpaid ON invoice (patient_id) WHERE paid = 0;
CREATE INDEX patient_by_name ON patient (lower(name));
CREATE INDEX lab_by_visit ON lab_result (visit_id);

CREATE VIEW unpaid_invoice AS
    SELECT i.number, p.name, i.total FROM invoice i JOIN patient p ON p.id = i.patient_id WHERE i.paid = 0;
CREATE VIEW visits_per_facility AS
    SELECT f.name, count(*) AS visits FROM visit v JOIN patient p ON p.id = v.patient_id
    JOIN facility f ON f.id = p.facility_id GROUP BY f.name;
CREATE VIEW visits_of_last_month AS
    SELECT id, patient_id FROM visit WHERE began >= datetime('now', 'start of month', '-1 month');

CREATE TRIGGER patient_renamed AFTER UPDATE OF name ON patient BEGIN
    INSERT INTO access_log VALUES (datetime('now'), NULL, 'rename', old.name || ' -> ' || new.name);
END;
CREATE TRIGGER stock_taken AFTER INSERT ON prescription BEGIN
    UPDATE medicine SET stock = stock - new.quantity WHERE id = new.medicine_id AND typeof(stock) = 'integer';
END;
"""
