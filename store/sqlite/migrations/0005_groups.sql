-- +goose Up
-- Records are listed by their first group, which is their scope.
CREATE INDEX records_by_group
    ON records (set_name, kind, substr(groups, 2, instr(substr(groups, 2), char(10)) - 1), id) WHERE deleted = 0;
