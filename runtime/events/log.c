#include "runtime/events/log.h"

#include "world/sqlite.h"

#include <stdlib.h>
#include <string.h>

#define SCHEMA_VERSION 1
#define NUMBER_BITS    40

enum statement {
    BEGIN,
    COMMIT,
    ROLLBACK,
    COUNT,
    TOPICS,
    GROUPS,
    PUT_TOPIC,
    REMOVE_TOPIC,
    REMOVE_GROUPS,
    PUT_GROUP,
    REMOVE_GROUP,
    APPEND,
    REMOVE,
    READ,
    READ_HEADERS,
    LIST,
    EXPIRED,
    STATEMENT_COUNT,
};

#define RANGE " FROM events WHERE key BETWEEN ?1 AND ?2 AND (key >= ?3 OR time >= ?4) ORDER BY key"
static const char *const sql[STATEMENT_COUNT] = {
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [ROLLBACK] = "ROLLBACK",
    [COUNT] = "UPDATE counter SET revision = ?1",
    [TOPICS] = "SELECT id, namespace, name, tag, head, tail, bytes FROM topics ORDER BY id",
    [GROUPS] = "SELECT topic, name, position, done, since, seam, used FROM groups ORDER BY topic, name",
    [PUT_TOPIC] =
        ("INSERT INTO topics (id, namespace, name, tag, head, tail, bytes) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
         " ON CONFLICT (id) DO UPDATE SET head = ?5, tail = ?6, bytes = ?7"),
    [REMOVE_TOPIC] = "DELETE FROM topics WHERE id = ?1",
    [REMOVE_GROUPS] = "DELETE FROM groups WHERE topic = ?1",
    [PUT_GROUP] =
        ("INSERT INTO groups (topic, name, position, done, since, seam, used) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
         " ON CONFLICT DO UPDATE SET position = ?3, done = ?4, used = ?7"),
    [REMOVE_GROUP] = "DELETE FROM groups WHERE topic = ?1 AND name = ?2",
    [APPEND] = "INSERT INTO events (key, stored, time, expires, live, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    [REMOVE] = "DELETE FROM events WHERE key BETWEEN ?1 AND ?2",
    [READ] = "SELECT key, stored, time, expires, live, body" RANGE,
    [READ_HEADERS] = "SELECT key, stored, time, expires, live, length(body)" RANGE,
    [LIST] = ("SELECT key, stored, time, expires, live, body FROM events WHERE key BETWEEN ?1 AND ?2"
              " AND (CASE WHEN expires = 0 THEN stored > ?4 ELSE expires > ?3 END) ORDER BY key LIMIT ?5 OFFSET ?6"),
    [EXPIRED] = ("SELECT key, stored, time, expires, live, length(body) FROM events"
                 " WHERE expires > 0 AND expires <= ?1 ORDER BY expires LIMIT ?2"),
};

static const char schema[] =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE topics (id INTEGER PRIMARY KEY, namespace TEXT NOT NULL, name TEXT NOT NULL, tag BLOB NOT NULL,"
    " head INTEGER NOT NULL, tail INTEGER NOT NULL, bytes INTEGER NOT NULL, UNIQUE (namespace, name));"
    "CREATE TABLE events (key INTEGER PRIMARY KEY, stored INTEGER NOT NULL, time INTEGER NOT NULL,"
    " expires INTEGER NOT NULL, live INTEGER NOT NULL, body BLOB NOT NULL);"
    "CREATE INDEX expiring ON events (expires) WHERE expires > 0;"
    "CREATE TABLE groups (topic INTEGER NOT NULL, name TEXT NOT NULL, position INTEGER NOT NULL, done BLOB NOT NULL,"
    " since INTEGER NOT NULL, seam INTEGER NOT NULL, used INTEGER NOT NULL, PRIMARY KEY (topic, name)) WITHOUT ROWID;"
    "CREATE TABLE counter (revision INTEGER NOT NULL);"
    "INSERT INTO counter VALUES (0);"
    "PRAGMA user_version = 1;"
    "COMMIT";

struct events_log {
    sqlite3 *db;
    sqlite3_stmt *statements[STATEMENT_COUNT];
    uint64_t revision, committed; /* with and without the open transaction */
};

static const char reading[] = "reading the events' file";

static int set_up(struct events_log *l, const char *path, struct error *err)
{
    int64_t version = 0, revision = 0;
    int rc = world_sqlite_number(l->db, "PRAGMA user_version", &version, reading, err);
    if (rc)
        return rc;
    if (version == 0 && sqlite3_exec(l->db, schema, NULL, NULL, NULL) != SQLITE_OK)
        return world_sqlite_error(l->db, err, "making the events' tables");
    if (version > SCHEMA_VERSION)
        return error_set(err, ERROR_UNSUPPORTED, "%s was written by a newer version (schema %lld, this one knows %d)",
                         path, (long long)version, SCHEMA_VERSION);
    rc = world_sqlite_number(l->db, "SELECT revision FROM counter", &revision, reading, err);
    l->revision = l->committed = (uint64_t)revision;
    for (size_t i = 0; rc == 0 && i < STATEMENT_COUNT; i++)
        if (sqlite3_prepare_v3(l->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT, &l->statements[i], NULL) != SQLITE_OK)
            rc = world_sqlite_error(l->db, err, "preparing a statement");
    return rc;
}

int events_log_open(struct world *w, const char *path, struct events_log **out, struct error *err)
{
    struct events_log *l = calloc(1, sizeof *l);
    if (!l)
        return error_set(err, ERROR_MEMORY, "out of memory");
    int rc = world_sqlite_open(w, path, &l->db, err);
    if (rc == 0)
        rc = set_up(l, path, err);
    if (rc) {
        error_wrap(err, "the events' file %s cannot be used", path);
        events_log_close(l);
        return rc;
    }
    *out = l;
    return 0;
}

void events_log_close(struct events_log *l)
{
    if (!l)
        return;
    for (size_t i = 0; i < STATEMENT_COUNT; i++)
        sqlite3_finalize(l->statements[i]);
    if (l->db)
        world_sqlite_close(l->db);
    free(l);
}

uint64_t events_log_revision(const struct events_log *l)
{
    return l->committed;
}

/* ---- small things ----------------------------------------------------------------------------------------------- */

static int64_t key_of(uint64_t topic, uint64_t number)
{
    return (int64_t)(topic << NUMBER_BITS | (number > EVENTS_NUMBER_MAX ? EVENTS_NUMBER_MAX : number));
}

static void bind_blob(sqlite3_stmt *s, int at, struct bytes value)
{
    sqlite3_bind_blob64(s, at, value.len ? (const void *)value.data : "", value.len, SQLITE_STATIC);
}

static struct bytes column(sqlite3_stmt *s, int at)
{
    const void *data = sqlite3_column_blob(s, at);
    return BYTES(data, (size_t)sqlite3_column_bytes(s, at));
}

static const char *column_text(sqlite3_stmt *s, int at)
{
    const unsigned char *text = sqlite3_column_text(s, at);
    return text ? (const char *)text : "";
}

/* Runs a statement that gives no rows. */
static int run(struct events_log *l, enum statement which, struct error *err, const char *doing)
{
    sqlite3_stmt *s = l->statements[which];
    int rc = sqlite3_step(s) == SQLITE_DONE ? 0 : world_sqlite_error(l->db, err, doing);
    sqlite3_reset(s);
    return rc;
}

/* ---- transactions ----------------------------------------------------------------------------------------------- */

int events_log_begin(struct events_log *l, struct error *err)
{
    return run(l, BEGIN, err, "beginning a transaction");
}

void events_log_rollback(struct events_log *l)
{
    if (!sqlite3_get_autocommit(l->db))
        (void)run(l, ROLLBACK, NULL, "rolling back");
    l->revision = l->committed;
}

int events_log_commit(struct events_log *l, struct error *err)
{
    int rc = 0;
    if (l->revision != l->committed) {
        sqlite3_bind_int64(l->statements[COUNT], 1, (sqlite3_int64)l->revision);
        rc = run(l, COUNT, err, "counting the revision");
    }
    if (rc == 0)
        rc = run(l, COMMIT, err, "committing");
    if (rc)
        events_log_rollback(l);
    else
        l->committed = l->revision;
    return rc;
}

int events_log_probe(struct events_log *l, struct error *err)
{
    int rc = events_log_begin(l, err);
    if (rc == 0) {
        sqlite3_bind_int64(l->statements[COUNT], 1, (sqlite3_int64)l->revision);
        rc = run(l, COUNT, err, "counting the revision");
    }
    if (rc == 0)
        rc = events_log_commit(l, err);
    if (rc)
        events_log_rollback(l);
    return rc;
}

/* ---- topics and groups ------------------------------------------------------------------------------------------ */

int events_log_topics(struct events_log *l, int (*each)(void *arg, const struct log_topic *t), void *arg,
                      struct error *err)
{
    sqlite3_stmt *s = l->statements[TOPICS];
    int rc = SQLITE_DONE, mine = 0;
    while (mine == 0 && (rc = sqlite3_step(s)) == SQLITE_ROW) {
        struct log_topic t = {.id = (uint64_t)sqlite3_column_int64(s, 0),
                              .namespace = column_text(s, 1),
                              .name = column_text(s, 2),
                              .head = (uint64_t)sqlite3_column_int64(s, 4),
                              .tail = (uint64_t)sqlite3_column_int64(s, 5),
                              .bytes = (uint64_t)sqlite3_column_int64(s, 6)};
        struct bytes tag = column(s, 3);
        if (tag.len != EVENTS_TAG_SIZE) {
            mine = error_set(err, ERROR_INVALID, "the topic %s has a broken tag", t.name);
            break;
        }
        memcpy(t.tag, tag.data, sizeof t.tag);
        if ((mine = each(arg, &t)) != 0)
            error_set(err, mine, "the topic %s cannot be loaded: %s", t.name, error_code_name(mine));
    }
    if (mine == 0 && rc != SQLITE_DONE)
        mine = world_sqlite_error(l->db, err, "reading topics");
    sqlite3_reset(s);
    return mine;
}

int events_log_groups(struct events_log *l, int (*each)(void *arg, const struct log_group *g), void *arg,
                      struct error *err)
{
    sqlite3_stmt *s = l->statements[GROUPS];
    int rc = SQLITE_DONE, mine = 0;
    while (mine == 0 && (rc = sqlite3_step(s)) == SQLITE_ROW) {
        struct log_group g = {.topic = (uint64_t)sqlite3_column_int64(s, 0),
                              .name = column_text(s, 1),
                              .position = (uint64_t)sqlite3_column_int64(s, 2),
                              .done = column(s, 3),
                              .since = sqlite3_column_int64(s, 4),
                              .seam = (uint64_t)sqlite3_column_int64(s, 5),
                              .used = sqlite3_column_int64(s, 6)};
        if ((mine = each(arg, &g)) != 0)
            error_set(err, mine, "the group %s cannot be loaded: %s", g.name, error_code_name(mine));
    }
    if (mine == 0 && rc != SQLITE_DONE)
        mine = world_sqlite_error(l->db, err, "reading groups");
    sqlite3_reset(s);
    return mine;
}

int events_log_put_topic(struct events_log *l, const struct log_topic *t, struct error *err)
{
    sqlite3_stmt *s = l->statements[PUT_TOPIC];
    sqlite3_bind_int64(s, 1, (sqlite3_int64)t->id);
    sqlite3_bind_text(s, 2, t->namespace, -1, SQLITE_STATIC);
    sqlite3_bind_text(s, 3, t->name, -1, SQLITE_STATIC);
    bind_blob(s, 4, BYTES(t->tag, sizeof t->tag));
    sqlite3_bind_int64(s, 5, (sqlite3_int64)t->head);
    sqlite3_bind_int64(s, 6, (sqlite3_int64)t->tail);
    sqlite3_bind_int64(s, 7, (sqlite3_int64)t->bytes);
    return run(l, PUT_TOPIC, err, "writing a topic");
}

int events_log_remove_topic(struct events_log *l, uint64_t topic, struct error *err)
{
    sqlite3_bind_int64(l->statements[REMOVE_TOPIC], 1, (sqlite3_int64)topic);
    sqlite3_bind_int64(l->statements[REMOVE_GROUPS], 1, (sqlite3_int64)topic);
    int rc = run(l, REMOVE_TOPIC, err, "removing a topic");
    return rc ? rc : run(l, REMOVE_GROUPS, err, "removing a topic's groups");
}

int events_log_put_group(struct events_log *l, const struct log_group *g, struct error *err)
{
    sqlite3_stmt *s = l->statements[PUT_GROUP];
    sqlite3_bind_int64(s, 1, (sqlite3_int64)g->topic);
    sqlite3_bind_text(s, 2, g->name, -1, SQLITE_STATIC);
    sqlite3_bind_int64(s, 3, (sqlite3_int64)g->position);
    bind_blob(s, 4, g->done);
    sqlite3_bind_int64(s, 5, g->since);
    sqlite3_bind_int64(s, 6, (sqlite3_int64)g->seam);
    sqlite3_bind_int64(s, 7, g->used);
    return run(l, PUT_GROUP, err, "writing a group");
}

int events_log_remove_group(struct events_log *l, uint64_t topic, const char *name, struct error *err)
{
    sqlite3_bind_int64(l->statements[REMOVE_GROUP], 1, (sqlite3_int64)topic);
    sqlite3_bind_text(l->statements[REMOVE_GROUP], 2, name, -1, SQLITE_STATIC);
    return run(l, REMOVE_GROUP, err, "removing a group");
}

/* ---- events ----------------------------------------------------------------------------------------------------- */

int events_log_append(struct events_log *l, const struct log_event *e, uint64_t *revision, struct error *err)
{
    sqlite3_stmt *s = l->statements[APPEND];
    if (e->number > EVENTS_NUMBER_MAX)
        return error_set(err, ERROR_LIMIT, "the topic has had as many events as it can number");
    sqlite3_bind_int64(s, 1, key_of(e->topic, e->number));
    sqlite3_bind_int64(s, 2, e->stored);
    sqlite3_bind_int64(s, 3, e->time);
    sqlite3_bind_int64(s, 4, e->expires);
    sqlite3_bind_int64(s, 5, e->live);
    bind_blob(s, 6, e->body);
    int rc = run(l, APPEND, err, "appending an event");
    if (rc == 0)
        *revision = ++l->revision;
    return rc;
}

int events_log_remove(struct events_log *l, uint64_t topic, uint64_t first, uint64_t last, struct error *err)
{
    sqlite3_bind_int64(l->statements[REMOVE], 1, key_of(topic, first));
    sqlite3_bind_int64(l->statements[REMOVE], 2, key_of(topic, last));
    return run(l, REMOVE, err, "removing events");
}

static int each_row(struct events_log *l, sqlite3_stmt *s, bool lengths,
                    bool (*each)(void *arg, const struct log_event *e), void *arg, struct error *err)
{
    int rc;
    while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
        uint64_t key = (uint64_t)sqlite3_column_int64(s, 0);
        struct log_event e = {.topic = key >> NUMBER_BITS,
                              .number = key & EVENTS_NUMBER_MAX,
                              .stored = sqlite3_column_int64(s, 1),
                              .time = sqlite3_column_int64(s, 2),
                              .expires = sqlite3_column_int64(s, 3),
                              .live = sqlite3_column_int64(s, 4) != 0,
                              .body = lengths ? BYTES(NULL, (size_t)sqlite3_column_int64(s, 5)) : column(s, 5)};
        if (!each(arg, &e)) {
            rc = SQLITE_DONE;
            break;
        }
    }
    rc = rc == SQLITE_DONE ? 0 : world_sqlite_error(l->db, err, "reading events");
    sqlite3_reset(s);
    return rc;
}

int events_log_read(struct events_log *l, const struct log_range *r, bool (*each)(void *arg, const struct log_event *e),
                    void *arg, struct error *err)
{
    sqlite3_stmt *s = l->statements[r->headers_only ? READ_HEADERS : READ];
    sqlite3_bind_int64(s, 1, key_of(r->topic, r->first));
    sqlite3_bind_int64(s, 2, key_of(r->topic, r->last));
    sqlite3_bind_int64(s, 3, key_of(r->topic, r->seam));
    sqlite3_bind_int64(s, 4, r->since);
    return each_row(l, s, r->headers_only, each, arg, err);
}

int events_log_list(struct events_log *l, uint64_t topic, int64_t now, int64_t oldest, uint64_t limit, uint64_t offset,
                    bool (*each)(void *arg, const struct log_event *e), void *arg, struct error *err)
{
    sqlite3_stmt *s = l->statements[LIST];
    if (offset > INT64_MAX)
        return 0;
    sqlite3_bind_int64(s, 1, key_of(topic, 0));
    sqlite3_bind_int64(s, 2, key_of(topic, EVENTS_NUMBER_MAX));
    sqlite3_bind_int64(s, 3, now);
    sqlite3_bind_int64(s, 4, oldest);
    sqlite3_bind_int64(s, 5, limit > INT64_MAX ? -1 : (sqlite3_int64)limit);
    sqlite3_bind_int64(s, 6, (sqlite3_int64)offset);
    return each_row(l, s, false, each, arg, err);
}

int events_log_expired(struct events_log *l, int64_t now, uint64_t max,
                       bool (*each)(void *arg, const struct log_event *e), void *arg, struct error *err)
{
    sqlite3_stmt *s = l->statements[EXPIRED];
    sqlite3_bind_int64(s, 1, now);
    sqlite3_bind_int64(s, 2, (sqlite3_int64)max);
    return each_row(l, s, true, each, arg, err);
}

/* ---- ids -------------------------------------------------------------------------------------------------------- */

static const char hex[] = "0123456789abcdef";

/* Bytes of the UUID: 0-5 the number, 6-15 the tag with version and variant put in. */
static void id_bytes(const uint8_t tag[EVENTS_TAG_SIZE], uint64_t number, uint8_t out[16])
{
    for (int i = 0; i < 6; i++)
        out[i] = (uint8_t)(number >> (40 - 8 * i));
    memcpy(out + 6, tag, EVENTS_TAG_SIZE);
    out[6] = (uint8_t)(0x80 | (out[6] & 0x0f));
    out[8] = (uint8_t)(0x80 | (out[8] & 0x3f));
}

void events_id_format(const uint8_t tag[EVENTS_TAG_SIZE], uint64_t number, char out[EVENTS_ID_SIZE])
{
    uint8_t raw[16];
    id_bytes(tag, number, raw);
    for (size_t i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *out++ = '-';
        *out++ = hex[raw[i] >> 4];
        *out++ = hex[raw[i] & 15];
    }
    *out = '\0';
}

bool events_id_parse(const uint8_t tag[EVENTS_TAG_SIZE], struct bytes id, uint64_t *number)
{
    uint8_t raw[16], want[16];
    size_t at = 0;
    if (id.len != EVENTS_ID_SIZE - 1)
        return false;
    for (size_t i = 0; i < 16; i++) {
        if ((i == 4 || i == 6 || i == 8 || i == 10) && id.data[at++] != '-')
            return false;
        int high = bytes_hex_value(id.data[at]), low = bytes_hex_value(id.data[at + 1]);
        if (high < 0 || low < 0)
            return false;
        raw[i] = (uint8_t)(high << 4 | low);
        at += 2;
    }
    *number = 0;
    for (size_t i = 0; i < 6; i++)
        *number = *number << 8 | raw[i];
    id_bytes(tag, *number, want);
    return memcmp(raw, want, sizeof raw) == 0;
}
