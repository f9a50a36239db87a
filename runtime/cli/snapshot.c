#include "runtime/cli/snapshot.h"

#include "base/json_build.h"
#include "base/json_text.h"
#include "base/map.h"
#include "base/units.h"
#include "runtime/cli/cli.h"
#include "runtime/component.h"
#include "world/world.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_MAX          500               /* records asked for at once; halved while they are too large together */
#define WRITE_PIECE       ((size_t)1 << 20) /* bytes gathered for one write */
#define READ_PIECE        ((size_t)1 << 20)
#define SNAPSHOT_LINE_MAX ((size_t)64 << 20) /* bytes of one line: twice a record's value and then some */

static struct {
    const char *destination, *source, *to;
    bool all;
} flags;

/* ---- micro's own tables ---- */

/* Accounts and rules, configuration sealed with a key of this micro, the services it runs: each component's own table
 * in micro's database. In another micro they take it over, and who has read them does not read them again. */
static bool is_own(const char *database, const char *table)
{
    return strcmp(database, MICRO_NAMESPACE) == 0 && component_is_core(table);
}

/* What was left out of a copy. */
struct left_out {
    size_t count;
    struct text tables; /* "auth, config" */
    char last[64];
};

static void leave_out(struct left_out *l, const char *table)
{
    l->count++;
    if (strcmp(l->last, table) == 0) /* records come table by table */
        return;
    snprintf(l->last, sizeof l->last, "%s", table);
    text_printf(&l->tables, "%s%s", l->tables.len ? ", " : "", table);
}

/* On stderr, as it is no result. `put`: micro's own tables were copied, to `where`. */
static void say_own(const struct left_out *l, bool put, const char *where)
{
    if (l->count > 0)
        fprintf(stderr, "Left out: %zu records of micro's own tables (%s); --all takes them too.\n", l->count,
                text_string(&l->tables));
    if (put)
        fprintf(stderr,
                "Micro's own tables were written: restart the server of %s now, since its components have read them "
                "already (micro shutdown, then micro server).\n",
                where);
}

/* ---- every record of a store ---- */

typedef int each_record(void *arg, const char *database, const char *table, json_t *record);

/* What every walk has in common; `seen` tells which keys of the table at hand were handed out. */
struct sweep {
    struct cli *cli;
    const char *database, *table;
    struct map seen;
    each_record *each;
    void *arg;
    size_t count;
};

static json_t *place(const struct sweep *s)
{
    return json_pack("{ss ss}", "database", s->database, "table", s->table);
}

static int hand_out(struct sweep *s, json_t *record)
{
    const char *key = cli_text(record, "key");
    if (map_get(&s->seen, key))
        return CLI_OK;
    if (!map_put(&s->seen, key, s))
        return cli_no_memory();
    s->count++;
    return s->each(s->arg, s->database, s->table, record);
}

static int read_records(struct sweep *s, const char *key, bool prefix, int64_t limit, int64_t offset, bool quiet,
                        json_t **reply)
{
    json_t *options = place(s);
    if (prefix) {
        json_build_set(&options, "prefix", json_true());
        json_build_set(&options, "limit", json_integer(limit));
        json_build_set(&options, "offset", json_integer(offset));
    }
    return cli_call_slow(s->cli, "store", "Store.Read", json_pack("{ss so}", "key", key, "options", options), quiet,
                         reply);
}

static int read_pages(struct sweep *s)
{
    int64_t limit = PAGE_MAX, offset = 0;
    for (;;) {
        json_t *reply = NULL, *record;
        size_t i;
        int code = read_records(s, "", true, limit, offset, limit > 1, &reply);
        if (code == CLI_FAILED && limit > 1) { /* too many bytes for one answer */
            limit /= 2;
            continue;
        }
        json_t *records = json_object_get(reply, "records");
        size_t count = json_array_size(records);
        json_array_foreach(records, i, record)
        {
            if (code == CLI_OK)
                code = hand_out(s, record);
        }
        json_decref(reply);
        offset += (int64_t)count;
        if (code != CLI_OK || (int64_t)count < limit)
            return code;
    }
}

static int add_keys(void *arg, const json_t *answer)
{
    json_t *keys = json_object_get(answer, "keys");
    return keys && json_array_extend(arg, keys) != 0 ? cli_no_memory() : CLI_OK;
}

/* Deletions while the pages were read shift what comes behind them: what a page left out is read by its key. */
static int read_left_out(struct sweep *s)
{
    json_t *keys = json_array(), *key;
    size_t i;
    int code = cli_call_each(s->cli, "store", "Store.List", json_pack("{so}", "options", place(s)), add_keys, keys);
    json_array_foreach(keys, i, key)
    {
        json_t *reply = NULL;
        if (code != CLI_OK || !json_is_string(key) || map_get(&s->seen, json_string_value(key)))
            continue;
        if (read_records(s, json_string_value(key), false, 0, 0, true, &reply) == CLI_OK) /* else it is gone */
            code = hand_out(s, json_array_get(json_object_get(reply, "records"), 0));
        json_decref(reply);
    }
    json_decref(keys);
    return code;
}

static int sweep_tables(struct sweep *s)
{
    json_t *reply = NULL, *table;
    size_t i;
    int code =
        cli_call_slow(s->cli, "store", "Store.Tables", json_pack("{ss}", "database", s->database), false, &reply);
    json_array_foreach(json_object_get(reply, "tables"), i, table)
    {
        s->table = json_string_value(table);
        if (code != CLI_OK || !s->table)
            continue;
        code = read_pages(s);
        if (code == CLI_OK)
            code = read_left_out(s);
        map_deinit(&s->seen);
        s->seen = MAP_INIT;
    }
    json_decref(reply);
    return code;
}

static int sweep_all(struct cli *c, each_record *each, void *arg, size_t *count)
{
    struct sweep s = {.cli = c, .seen = MAP_INIT, .each = each, .arg = arg};
    json_t *reply = NULL, *database;
    size_t i;
    int code = cli_call_slow(c, "store", "Store.Databases", json_object(), false, &reply);
    json_array_foreach(json_object_get(reply, "databases"), i, database)
    {
        s.database = json_string_value(database);
        if (code == CLI_OK && s.database)
            code = sweep_tables(&s);
    }
    json_decref(reply);
    *count = s.count;
    return code;
}

/* ---- the file ---- */

/* "file:///tmp/x", or a plain path; the folder is made. */
static int find_file(struct cli *c, const char *where, bool make, char out[CLI_PATH_MAX + 32])
{
    const char *folder = strncmp(where, "file://", 7) == 0 ? where + 7 : where;
    if (strstr(folder, "://"))
        return cli_fail(CLI_MALFORMED, "%.80s: only file:// is known", where);
    if (!folder[0] || strlen(folder) >= CLI_PATH_MAX)
        return cli_fail(CLI_MALFORMED, "a folder is needed: file:///FOLDER");
    int rc = make ? world_make_directory(c->world, folder) : 0;
    if (rc < 0)
        return cli_fail(CLI_TIMEOUT, "cannot make the folder %s: %s", folder, error_code_name(rc));
    snprintf(out, CLI_PATH_MAX + 32, "%s/" SNAPSHOT_FILE, folder);
    return CLI_OK;
}

static void hex(const unsigned char *bytes, unsigned len, char out[2 * EVP_MAX_MD_SIZE + 1])
{
    for (unsigned i = 0; i < len; i++)
        snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

struct writing {
    struct world_file *file;
    struct text pending;
    EVP_MD_CTX *hash;
    uint64_t size;
};

static int flush(struct writing *w)
{
    int64_t n = w->pending.len ? world_file_append(w->file, w->pending.data, w->pending.len) : 0;
    text_clear(&w->pending);
    return n < 0 ? cli_fail(CLI_TIMEOUT, "cannot write the snapshot: %s", error_code_name((int)n)) : CLI_OK;
}

/* Drops the reference to `line`. */
static int write_line(struct writing *w, json_t *line, bool hashed)
{
    char *text = line ? json_text_of(line, 0) : NULL;
    json_decref(line);
    if (!text)
        return cli_no_memory();
    size_t before = w->pending.len;
    text_puts(&w->pending, text);
    text_char(&w->pending, '\n');
    free(text);
    if (!text_ok(&w->pending) ||
        (hashed && EVP_DigestUpdate(w->hash, w->pending.data + before, w->pending.len - before) != 1))
        return cli_no_memory();
    return w->pending.len >= WRITE_PIECE ? flush(w) : CLI_OK;
}

static int write_record(void *arg, const char *database, const char *table, json_t *record)
{
    return write_line(arg, json_pack("{ss ss sO}", "d", database, "t", table, "r", record), true);
}

static int write_all(struct cli *c, struct writing *w, size_t *count)
{
    unsigned char sum[EVP_MAX_MD_SIZE];
    char text[2 * EVP_MAX_MD_SIZE + 1] = "";
    unsigned len = 0;
    int code = write_line(w,
                          json_pack("{ss si sI}", "snapshot", "micro-store", "version", 1, "created",
                                    (json_int_t)(world_wall(c->world) / SECOND)),
                          true);
    if (code == CLI_OK)
        code = sweep_all(c, write_record, w, count);
    if (code == CLI_OK && EVP_DigestFinal_ex(w->hash, sum, &len) != 1)
        code = cli_no_memory();
    hex(sum, len, text);
    if (code == CLI_OK)
        code = write_line(w, json_pack("{sI ss}", "records", (json_int_t)*count, "sha256", text), false);
    if (code == CLI_OK)
        code = flush(w);
    int rc = code == CLI_OK ? world_file_sync(w->file) : 0;
    return rc < 0 ? cli_fail(CLI_TIMEOUT, "cannot write the snapshot: %s", error_code_name(rc)) : code;
}

int snapshot_run(const struct arguments *args)
{
    struct cli *c = cli_of(args);
    char path[CLI_PATH_MAX + 32], temporary[CLI_PATH_MAX + 40];
    struct error err = ERROR_INIT;
    struct writing w = {.hash = EVP_MD_CTX_new()};
    size_t count = 0;
    int code = find_file(c, flags.destination, true, path);
    snprintf(temporary, sizeof temporary, "%s.tmp", path);
    if (code == CLI_OK && (!w.hash || EVP_DigestInit_ex(w.hash, EVP_sha256(), NULL) != 1))
        code = cli_no_memory();
    if (code == CLI_OK &&
        world_file_open(c->world, temporary, WORLD_WRITE | WORLD_CREATE | WORLD_TRUNCATE | WORLD_PRIVATE, &w.file,
                        &err) < 0)
        code = cli_fail_error(CLI_TIMEOUT, &err);
    if (code == CLI_OK) {
        code = write_all(c, &w, &count);
        world_file_close(w.file);
        int rc = code == CLI_OK ? world_rename(c->world, temporary, path) : 0;
        if (rc < 0)
            code = cli_fail(CLI_TIMEOUT, "cannot write %s: %s", path, error_code_name(rc));
        if (code != CLI_OK)
            (void)world_remove(c->world, temporary);
    }
    if (code == CLI_OK)
        printf("%zu records in %s\n", count, path);
    text_deinit(&w.pending);
    EVP_MD_CTX_free(w.hash);
    error_clear(&err);
    return code;
}

/* ---- reading it back ---- */

struct reading {
    struct world_file *file;
    const char *path;
    struct text buffer; /* read, and not yet taken as lines */
    size_t at;          /* in the buffer */
    uint64_t offset;    /* of the next bytes in the file */
    uint64_t line;
};

static int broken(const struct reading *r, const char *why)
{
    return cli_fail(CLI_MALFORMED, "%s:%llu: %s", r->path, (unsigned long long)r->line, why);
}

/* The next line without its newline; *more false at the end. */
static int next_line(struct reading *r, struct bytes *line, bool *more)
{
    for (;;) {
        const char *begin = text_string(&r->buffer) + r->at;
        size_t left = r->buffer.len - r->at;
        const char *newline = memchr(begin, '\n', left);
        if (newline) {
            *line = BYTES(begin, (size_t)(newline - begin));
            r->at += line->len + 1;
            r->line++;
            *more = true;
            return CLI_OK;
        }
        if (left > SNAPSHOT_LINE_MAX)
            return broken(r, "a line is too long");
        text_consume(&r->buffer, r->at);
        r->at = 0;
        if (!text_reserve(&r->buffer, READ_PIECE))
            return cli_no_memory();
        int64_t n = world_file_pread(r->file, r->buffer.data + r->buffer.len, READ_PIECE, r->offset);
        if (n < 0)
            return cli_fail(CLI_TIMEOUT, "cannot read %s: %s", r->path, error_code_name((int)n));
        if (n == 0) {
            *more = false;
            return r->buffer.len == 0 ? CLI_OK : broken(r, "the last line has no end: the file was cut");
        }
        r->buffer.len += (size_t)n;
        r->offset += (uint64_t)n;
    }
}

static void rewind_to_begin(struct reading *r)
{
    text_clear(&r->buffer);
    r->at = 0;
    r->offset = r->line = 0;
}

static json_t *parse(struct bytes line)
{
    return json_loadb(line.len ? (const char *)line.data : "", line.len, JSON_REJECT_DUPLICATES, NULL);
}

/* Header, every record, count and checksum. */
static int check(struct reading *r, int64_t *created)
{
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    struct bytes line;
    bool more = false, ended = false;
    size_t records = 0;
    int code = hash && EVP_DigestInit_ex(hash, EVP_sha256(), NULL) == 1 ? next_line(r, &line, &more) : cli_no_memory();
    for (bool first = true; code == CLI_OK && more; first = false) {
        json_t *value = parse(line);
        unsigned char sum[EVP_MAX_MD_SIZE];
        char text[2 * EVP_MAX_MD_SIZE + 1] = "";
        unsigned len = 0;
        if (ended) {
            code = broken(r, "something follows the end");
        } else if (first) {
            *created = cli_integer(value, "created");
            if (strcmp(cli_text(value, "snapshot"), "micro-store") != 0)
                code = broken(r, "this is no snapshot of a store");
            else if (cli_integer(value, "version") != 1)
                code = broken(r, "this version of snapshots is not known");
        } else if (json_object_get(value, "records")) {
            ended = true;
            bool made = EVP_DigestFinal_ex(hash, sum, &len) == 1;
            hex(sum, len, text);
            if (cli_integer(value, "records") != (int64_t)records)
                code = broken(r, "the number of records is another");
            else if (!made || strcmp(text, cli_text(value, "sha256")) != 0)
                code = broken(r, "the checksum is wrong: the file was changed");
        } else if (!json_is_object(json_object_get(value, "r")) || !cli_text(value, "d")[0]) {
            code = broken(r, "this is no record");
        } else {
            records++;
        }
        if (code == CLI_OK && !ended &&
            (EVP_DigestUpdate(hash, line.data, line.len) != 1 || EVP_DigestUpdate(hash, "\n", 1) != 1))
            code = cli_no_memory();
        json_decref(value);
        if (code == CLI_OK)
            code = next_line(r, &line, &more);
    }
    if (code == CLI_OK && !ended)
        code = broken(r, "the end is missing: the file was cut");
    EVP_MD_CTX_free(hash);
    return code;
}

/* Into the store of `c`. `elapsed`: seconds since the record was read. *written counts. */
static int put_record(struct cli *c, const char *database, const char *table, json_t *record, int64_t elapsed,
                      size_t *written)
{
    int64_t expiry = cli_integer(record, "expiry");
    json_t *copy = json_copy(record), *reply = NULL;
    if (expiry > 0 && expiry <= elapsed) {
        json_decref(copy);
        return CLI_OK;
    }
    if (expiry > 0)
        json_build_set(&copy, "expiry", json_integer(expiry - elapsed));
    int code = cli_call_slow(
        c, "store", "Store.Write",
        json_pack("{so s{ss ss}}", "record", copy, "options", "database", database, "table", table), false, &reply);
    json_decref(reply);
    *written += code == CLI_OK;
    return code;
}

static int write_back(struct cli *c, struct reading *r, int64_t elapsed, size_t *written, struct left_out *left,
                      bool *own)
{
    struct bytes line;
    bool more = false;
    int code = next_line(r, &line, &more);
    while (code == CLI_OK && more) {
        json_t *value = parse(line), *record = json_object_get(value, "r");
        const char *database = cli_text(value, "d"), *table = cli_text(value, "t");
        bool ours = record && is_own(database, table);
        if (ours && !flags.all)
            leave_out(left, table);
        else if (record)
            code = put_record(c, database, table, record, elapsed, written);
        *own = *own || (ours && flags.all);
        json_decref(value);
        if (code == CLI_OK)
            code = next_line(r, &line, &more);
    }
    return code;
}

int snapshot_run_restore(const struct arguments *args)
{
    struct cli *c = cli_of(args);
    char path[CLI_PATH_MAX + 32];
    struct error err = ERROR_INIT;
    struct reading r = {.path = path};
    int64_t created = 0;
    size_t written = 0;
    struct left_out left = {.count = 0};
    bool own = false;
    int code = find_file(c, flags.source, false, path);
    if (code == CLI_OK && world_file_open(c->world, path, WORLD_READ, &r.file, &err) < 0)
        code = cli_fail_error(CLI_TIMEOUT, &err);
    if (r.file) {
        code = check(&r, &created);
        int64_t elapsed = world_wall(c->world) / SECOND - created;
        rewind_to_begin(&r);
        if (code == CLI_OK)
            code = write_back(c, &r, elapsed > 0 ? elapsed : 0, &written, &left, &own);
        world_file_close(r.file);
    }
    if (code == CLI_OK)
        printf("%zu records restored\n", written);
    say_own(&left, own, c->env);
    text_deinit(&left.tables);
    text_deinit(&r.buffer);
    error_clear(&err);
    return code;
}

/* ---- from one micro to another ---- */

struct copying {
    struct cli *to;
    size_t written;
    struct left_out left;
    bool own;
};

static int copy_record(void *arg, const char *database, const char *table, json_t *record)
{
    struct copying *copying = arg;
    bool ours = is_own(database, table);
    if (ours && !flags.all) {
        leave_out(&copying->left, table);
        return CLI_OK;
    }
    copying->own = copying->own || ours;
    return put_record(copying->to, database, table, record, 0, &copying->written);
}

int snapshot_run_sync(const struct arguments *args)
{
    struct cli *c = cli_of(args), to = {0};
    size_t count = 0;
    if (!flags.to)
        return cli_fail(EXIT_USAGE, "the environment to copy to is needed: --to ENV");
    if (strcmp(flags.to, c->env) == 0)
        return cli_fail(EXIT_USAGE, "%s is where the records come from", flags.to);
    to.world = c->world;
    to.home = c->home;
    to.data_dir = c->data_dir;
    cli_flags.env = flags.to;
    cli_flags.proxy = NULL;
    int code = cli_environment(&to);
    if (code == CLI_OK)
        code = cli_environment_check(&to);
    struct copying copying = {.to = &to};
    if (code == CLI_OK)
        code = sweep_all(c, copy_record, &copying, &count);
    if (code == CLI_OK)
        printf("%zu records copied to %s\n", copying.written, flags.to);
    say_own(&copying.left, copying.own, flags.to);
    text_deinit(&copying.left.tables);
    cli_disconnect(&to);
    arena_deinit(&to.arena);
    return code;
}

const struct option snapshot_options[] = {
    {.name = "destination",
     .kind = OPTION_TEXT,
     .target = &flags.destination,
     .argument = "file:///FOLDER",
     .help = "the folder that gets " SNAPSHOT_FILE,
     .env = "MICRO_SNAPSHOT_DESTINATION",
     .fallback = "file:///tmp/store-snapshot"},
    {.name = NULL},
};
const struct option restore_options[] = {
    {.name = "source",
     .kind = OPTION_TEXT,
     .target = &flags.source,
     .argument = "file:///FOLDER",
     .help = "the folder that has " SNAPSHOT_FILE,
     .fallback = "file:///tmp/store-snapshot"},
    {.name = "all",
     .kind = OPTION_FLAG,
     .target = &flags.all,
     .help = "micro's own tables too (auth, config, runtime, ...); its server must be restarted then"},
    {.name = NULL},
};
const struct option sync_options[] = {
    {.name = "to",
     .kind = OPTION_TEXT,
     .target = &flags.to,
     .argument = "ENV",
     .help = "the environment the records are copied to; log in there first"},
    {.name = "all",
     .kind = OPTION_FLAG,
     .target = &flags.all,
     .help = "micro's own tables too (auth, config, runtime, ...); its server must be restarted then"},
    {.name = NULL},
};
