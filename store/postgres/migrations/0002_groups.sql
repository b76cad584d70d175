-- +goose Up
-- Records are listed by their first group, which is their scope.
CREATE INDEX records_by_group ON records (set_name, kind, split_part(groups, E'\n', 2), id) WHERE deleted = 0;
