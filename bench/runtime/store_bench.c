/* bench/runtime: the store through gRPC beside bare SQLite on the same disk.
 *
 *   store_bench [--runs N] [--seconds S] [--data DIRECTORY] [--only KIND] [--json]
 *
 * Puts are durable on both sides: WAL, synchronous=FULL. The rival has SQLite's own page and log sizes, as who uses it
 * bare has. With one call in flight each put is a transaction, as with bare SQLite one row per transaction, and the two
 * processes wait for each other; with two in flight each put still is one, and the store is never idle; with 64 the
 * store commits what came together, as bare SQLite does 64 rows per transaction. Both put the same records under the
 * same keys, drawn from KEYS. Reads are of one record each, over one connection, every call with its access token. The
 * rival of the reads is one prepared SELECT. */
#include "bench/runtime/kit.h"
#include "proto/store/store.pb-c.h"

#include <sqlite3.h>

#define KEYS        20000
#define VALUE_BYTES 100

struct draw {
    uint64_t state, puts, filled;
    uint8_t value[VALUE_BYTES];
    char key[16];
};

/* Keys in an order without pattern, the same one every time: a full-period congruence. */
static const char *next_key(struct draw *d)
{
    d->state = (d->state * 1664525 + 1013904223) & UINT64_C(0xffffffff);
    snprintf(d->key, sizeof d->key, "key%08u", (unsigned)(d->state >> 8) % KEYS);
    return d->key;
}

/* Every value is another one: SQLite does not write a page whose bytes stay the same. */
static void next_value(struct draw *d)
{
    d->puts++;
    memcpy(d->value, &d->puts, sizeof d->puts);
}

static void pack_put(struct draw *d, struct text *message)
{
    Store__Record record = STORE__RECORD__INIT;
    Store__WriteRequest request = STORE__WRITE_REQUEST__INIT;
    next_value(d);
    record.key = d->key;
    record.value = (ProtobufCBinaryData){sizeof d->value, d->value};
    request.record = &record;
    (void)pb_pack(&request.base, message);
}

static void next_put(void *arg, struct text *message)
{
    (void)next_key(arg);
    pack_put(arg, message);
}

/* For filling: every key once. */
static void next_new(void *arg, struct text *message)
{
    struct draw *d = arg;
    snprintf(d->key, sizeof d->key, "key%08u", (unsigned)(d->filled++ % KEYS));
    pack_put(d, message);
}

static void next_read(void *arg, struct text *message)
{
    struct draw *d = arg;
    Store__ReadRequest request = STORE__READ_REQUEST__INIT;
    (void)next_key(d);
    request.key = d->key;
    (void)pb_pack(&request.base, message);
}

static bool has_value(void *arg, const struct rpc_reply *reply)
{
    (void)arg;
    return reply->body.len > VALUE_BYTES;
}

/* ---- the rival -------------------------------------------------------------------------------------------------- */

struct bare {
    sqlite3 *db;
    sqlite3_stmt *put, *get, *begin, *commit;
};

/* As the library comes, with the store's pragmas. */
static int bare_open(struct bare *b, struct kit *k)
{
    static const char setup[] = "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                                "PRAGMA temp_store=MEMORY; PRAGMA cache_size=-16384;"
                                "CREATE TABLE kv (key TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID";
    static const char *const sql[] = {"INSERT INTO kv VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = ?2",
                                      "SELECT value FROM kv WHERE key = ?1", "BEGIN IMMEDIATE", "COMMIT"};
    sqlite3_stmt **statements[] = {&b->put, &b->get, &b->begin, &b->commit};
    struct text path = TEXT_INIT;
    text_printf(&path, "%s/bare.db", text_string(&k->directory));
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    int rc = sqlite3_open_v2(text_string(&path), &b->db, flags, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(b->db, setup, NULL, NULL, NULL);
    for (size_t i = 0; rc == SQLITE_OK && i < 4; i++)
        rc = sqlite3_prepare_v3(b->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT, statements[i], NULL);
    if (rc != SQLITE_OK)
        fprintf(stderr, "store_bench: bare SQLite: %s\n", b->db ? sqlite3_errmsg(b->db) : "out of memory");
    text_deinit(&path);
    return rc;
}

static bool step(sqlite3_stmt *s)
{
    int rc = sqlite3_step(s);
    sqlite3_reset(s);
    return rc == SQLITE_DONE || rc == SQLITE_ROW;
}

/* Under the key in `d`. */
static bool bare_put(struct bare *b, struct draw *d)
{
    next_value(d);
    sqlite3_bind_text(b->put, 1, d->key, -1, SQLITE_STATIC);
    sqlite3_bind_blob(b->put, 2, d->value, sizeof d->value, SQLITE_STATIC);
    return step(b->put);
}

/* Rows per second, `batch` rows per transaction. */
static int bare_puts(struct bare *b, struct kit *k, struct draw *d, int batch, uint64_t duration, double *out)
{
    uint64_t start = world_now(k->world), rows = 0, now = start;
    for (; now - start < duration; now = world_now(k->world)) {
        bool ok = step(b->begin);
        for (int i = 0; ok && i < batch; i++) {
            (void)next_key(d);
            ok = bare_put(b, d);
        }
        if (!ok || !step(b->commit)) {
            fprintf(stderr, "store_bench: bare SQLite: %s\n", sqlite3_errmsg(b->db));
            return -1;
        }
        rows += (uint64_t)batch;
    }
    *out = (double)rows * 1e9 / (double)(now - start);
    return 0;
}

static int bare_reads(struct bare *b, struct kit *k, struct draw *d, uint64_t duration, double *out)
{
    uint64_t start = world_now(k->world), rows = 0, now = start;
    for (; now - start < duration; now = world_now(k->world)) {
        for (int i = 0; i < 1000; i++) {
            sqlite3_bind_text(b->get, 1, next_key(d), -1, SQLITE_STATIC);
            bool found = sqlite3_step(b->get) == SQLITE_ROW && sqlite3_column_bytes(b->get, 0) == VALUE_BYTES;
            sqlite3_reset(b->get);
            if (!found)
                return -1;
        }
        rows += 1000;
    }
    *out = (double)rows * 1e9 / (double)(now - start);
    return 0;
}

static void bare_close(struct bare *b)
{
    sqlite3_stmt *statements[] = {b->put, b->get, b->begin, b->commit};
    for (size_t i = 0; i < 4; i++)
        sqlite3_finalize(statements[i]);
    sqlite3_close(b->db);
}

/* ---- the runs --------------------------------------------------------------------------------------------------- */

enum { PUT_1, PUT_2, PUT_64, READ_1, READ_64, KINDS };
static const struct {
    const char *name, *label, *rival;
    double goal; /* of the ratio to the rival, or of calls per second */
    bool absolute;
    int in_flight, batch; /* batch: rows of the rival's transaction; 0: reads */
} kinds[KINDS] = {
    [PUT_1] = {"put_1", "puts, 1 in flight", "1 row/transaction", 0.8, false, 1, 1},
    [PUT_2] = {"put_2", "puts, 2 in flight", "1 row/transaction", 0.8, false, 2, 1},
    [PUT_64] = {"put_64", "puts, 64 in flight", "64 rows/transaction", 0.8, false, 64, 64},
    [READ_1] = {"read_1", "reads, 1 in flight", "SELECT", 0, false, 1, 0},
    [READ_64] = {"read_64", "reads, 64 in flight", "SELECT", 100000, true, 64, 0},
};

struct results {
    double ours[KINDS][KIT_RUNS_MAX], bare[KINDS][KIT_RUNS_MAX], cpu[KINDS][KIT_RUNS_MAX];
};

static int fill(struct kit *k, struct rpc_channel *channel, struct bare *b, struct draw *d)
{
    struct kit_figures ignored;
    struct kit_load puts = {.kit = k,
                            .channel = channel,
                            .path = "/store.Store/Write",
                            .in_flight = 500,
                            .next = next_new,
                            .arg = d,
                            .limit = KEYS};
    int rc = kit_run(&puts, 0, &ignored);
    bool ok = rc == 0 && step(b->begin);
    for (unsigned i = 0; ok && i < KEYS; i++) {
        snprintf(d->key, sizeof d->key, "key%08u", i);
        ok = bare_put(b, d);
    }
    return ok && step(b->commit) ? 0 : -1;
}

static int run_once(struct kit *k, struct rpc_channel *channel, struct bare *b, struct draw *d, uint64_t duration,
                    int run, const char *only, struct results *r)
{
    for (int kind = 0; kind < KINDS; kind++) {
        if (only && strcmp(only, kinds[kind].name) != 0)
            continue;
        bool put = kinds[kind].batch > 0;
        struct kit_load load = {.kit = k,
                                .channel = channel,
                                .path = put ? "/store.Store/Write" : "/store.Store/Read",
                                .in_flight = kinds[kind].in_flight,
                                .next = put ? next_put : next_read,
                                .check = put ? NULL : has_value,
                                .arg = d};
        struct kit_figures f;
        int rc = kit_run(&load, duration, &f);
        if (rc == 0)
            rc = put ? bare_puts(b, k, d, kinds[kind].batch, duration, &r->bare[kind][run])
                     : bare_reads(b, k, d, duration, &r->bare[kind][run]);
        if (rc)
            return rc;
        r->ours[kind][run] = f.calls_per_second;
        r->cpu[kind][run] = f.cpu_us;
    }
    return 0;
}

static void report(const struct results *r, int runs, bool json)
{
    FILE *table = json ? stderr : stdout; /* with --json stdout is for programs */
    if (json)
        printf("{\"bench\":\"store\",\"runs\":%d,\"value_bytes\":%d,\"keys\":%d", runs, VALUE_BYTES, KEYS);
    fprintf(table, "records of %d bytes, %d keys, one connection, median of %d interleaved runs\n", VALUE_BYTES, KEYS,
            runs);
    fprintf(table, "%-20s %12s %14s   %-20s %12s %8s  %s\n", "", "store/s", "CPU us/call", "bare SQLite", "rows/s",
            "ratio", "goal");
    for (int i = 0; i < KINDS; i++) {
        double ours = kit_median(r->ours[i], runs), bare = kit_median(r->bare[i], runs);
        double cpu = kit_median(r->cpu[i], runs), ratio = ours / bare;
        char goal[64] = "";
        if (ours <= 0) /* --only another one */
            continue;
        if (kinds[i].goal > 0)
            snprintf(goal, sizeof goal, kinds[i].absolute ? "%.0f/s: %s" : "%.2f: %s", kinds[i].goal,
                     (kinds[i].absolute ? ours : ratio) >= kinds[i].goal ? "met" : "missed");
        fprintf(table, "%-20s %12.0f %14.2f   %-20s %12.0f %8.2f  %s\n", kinds[i].label, ours, cpu, kinds[i].rival,
                bare, ratio, goal);
        if (json)
            printf(",\"%s\":{\"per_second\":%.0f,\"cpu_us\":%.2f,\"bare_per_second\":%.0f,\"ratio\":%.3f}",
                   kinds[i].name, ours, cpu, bare, ratio);
    }
    if (json)
        printf("}\n");
}

int main(int argc, char **argv)
{
    static struct results results;
    int64_t runs = 5, seconds = 1;
    const char *data = ".", *only = NULL;
    bool json = false;
    struct error err = ERROR_INIT;
    for (int i = 1; i < argc; i++) {
        int rc = 0;
        if (strcmp(argv[i], "--json") == 0)
            json = true;
        else if (strcmp(argv[i], "--runs") == 0 && i + 1 < argc)
            rc = units_parse_integer(argv[++i], 1, KIT_RUNS_MAX, &runs, &err);
        else if (strcmp(argv[i], "--seconds") == 0 && i + 1 < argc)
            rc = units_parse_integer(argv[++i], 1, 60, &seconds, &err);
        else if (strcmp(argv[i], "--only") == 0 && i + 1 < argc)
            only = argv[++i];
        else if (strcmp(argv[i], "--data") == 0 && i + 1 < argc)
            data = argv[++i];
        else
            rc = error_set(&err, ERROR_INVALID, "unknown option %s", argv[i]);
        if (rc) {
            fprintf(stderr,
                    "store_bench: %s\nusage: store_bench [--runs N] [--seconds S] [--data DIRECTORY]"
                    " [--only put_1|put_2|put_64|read_1|read_64] [--json]\n",
                    err.message ? err.message : "out of memory");
            error_clear(&err);
            return 2;
        }
    }
    struct kit k;
    struct bare b = {0};
    struct draw d = {.state = 1};
    struct rpc_channel *channel = NULL;
    memset(d.value, 'v', sizeof d.value);
    int rc = kit_init(&k, "store_bench", data);
    if (rc == 0)
        rc = kit_start(&k, "store");
    if (rc == 0)
        rc = bare_open(&b, &k);
    if (rc == 0)
        rc = (channel = kit_channel(&k)) ? fill(&k, channel, &b, &d) : -1;
    for (int i = 0; rc == 0 && i < runs; i++)
        rc = run_once(&k, channel, &b, &d, (uint64_t)(seconds * SECOND), i, only, &results);
    if (rc == 0)
        report(&results, (int)runs, json);
    else
        fprintf(stderr, "store_bench: failed\n");
    rpc_channel_free(channel);
    if (b.db)
        bare_close(&b);
    kit_deinit(&k);
    return rc ? 1 : 0;
}
