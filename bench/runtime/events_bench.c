/* bench/runtime: events through gRPC beside bare SQLite on the same disk.
 *
 *   events_bench [--runs N] [--seconds S] [--data DIRECTORY] [--json]
 *
 * Publishing is durable on both sides: WAL, synchronous=FULL. With N calls in flight the component commits what came
 * together, as the rival commits N rows per transaction into a table of the same shape. Every call carries its access
 * token and is answered once its event is on disk. Consuming is a replay of everything published so far, from disk, by
 * one consumer with auto_ack; its rival is one prepared SELECT over the same number of rows. Latency is from the call
 * of Publish to the event's arrival at a live consumer, one event at a time. */
#include "bench/runtime/kit.h"
#include "proto/events/events.pb-c.h"
#include "world/sqlite.h"

#define PAYLOAD_BYTES 100
#define LATENCIES_MAX 4096
#define CONSUME_WAIT  ((uint64_t)(120 * SECOND))

struct draw {
    uint64_t published;
    uint8_t payload[PAYLOAD_BYTES];
    const char *topic;
};

static void next_event(void *arg, struct text *message)
{
    struct draw *d = arg;
    char topic[64];
    Events__PublishRequest request = EVENTS__PUBLISH_REQUEST__INIT;
    snprintf(topic, sizeof topic, "%s", d->topic);
    d->published++;
    memcpy(d->payload, &d->published, sizeof d->published);
    request.topic = topic;
    request.payload = (ProtobufCBinaryData){sizeof d->payload, d->payload};
    request.timestamp = 1800000000;
    (void)pb_pack(&request.base, message);
}

/* ---- the rival -------------------------------------------------------------------------------------------------- */

struct bare {
    sqlite3 *db;
    sqlite3_stmt *put, *get, *begin, *commit;
    int64_t rows;
};

static int bare_open(struct bare *b, struct kit *k)
{
    struct text path = TEXT_INIT;
    struct error err = ERROR_INIT;
    static const char *const sql[] = {"INSERT INTO log VALUES (?1, ?2, ?3)", "SELECT body FROM log ORDER BY key",
                                      "BEGIN IMMEDIATE", "COMMIT"};
    sqlite3_stmt **statements[] = {&b->put, &b->get, &b->begin, &b->commit};
    text_printf(&path, "%s/bare.db", text_string(&k->directory));
    int rc = world_sqlite_open(k->world, text_string(&path), &b->db, &err);
    if (rc == 0 && sqlite3_exec(b->db, "CREATE TABLE log (key INTEGER PRIMARY KEY, time INTEGER, body BLOB)", NULL,
                                NULL, NULL) != SQLITE_OK)
        rc = world_sqlite_error(b->db, &err, "making the table");
    for (size_t i = 0; rc == 0 && i < 4; i++)
        if (sqlite3_prepare_v3(b->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT, statements[i], NULL) != SQLITE_OK)
            rc = world_sqlite_error(b->db, &err, "preparing");
    if (rc)
        fprintf(stderr, "events_bench: %s\n", err.message ? err.message : error_code_name(rc));
    error_clear(&err);
    text_deinit(&path);
    return rc;
}

static bool step(sqlite3_stmt *s)
{
    int rc = sqlite3_step(s);
    sqlite3_reset(s);
    return rc == SQLITE_DONE || rc == SQLITE_ROW;
}

/* Rows as large as the component's: id, topic and time stand beside the payload. */
static int bare_puts(struct bare *b, struct kit *k, int batch, uint64_t duration, double *out)
{
    uint8_t body[PAYLOAD_BYTES + 54] = {0};
    uint64_t start = world_now(k->world), rows = 0, now = start;
    for (; now - start < duration; now = world_now(k->world)) {
        bool ok = step(b->begin);
        for (int i = 0; ok && i < batch; i++) {
            b->rows++;
            memcpy(body, &b->rows, sizeof b->rows);
            sqlite3_bind_int64(b->put, 1, b->rows);
            sqlite3_bind_int64(b->put, 2, 1800000000);
            sqlite3_bind_blob(b->put, 3, body, sizeof body, SQLITE_STATIC);
            ok = step(b->put);
        }
        if (!ok || !step(b->commit)) {
            fprintf(stderr, "events_bench: bare SQLite: %s\n", sqlite3_errmsg(b->db));
            return -1;
        }
        rows += (uint64_t)batch;
    }
    *out = (double)rows * 1e9 / (double)(now - start);
    return 0;
}

static int bare_replay(struct bare *b, struct kit *k, uint64_t rows, double *out)
{
    uint64_t start = world_now(k->world), seen = 0, bytes = 0;
    while (seen < rows && sqlite3_step(b->get) == SQLITE_ROW) {
        bytes += (uint64_t)sqlite3_column_bytes(b->get, 0);
        seen++;
    }
    sqlite3_reset(b->get);
    uint64_t took = world_now(k->world) - start;
    *out = (double)seen * 1e9 / (double)(took ? took : 1);
    return seen && bytes ? 0 : -1;
}

static void bare_close(struct bare *b)
{
    sqlite3_stmt *statements[] = {b->put, b->get, b->begin, b->commit};
    for (size_t i = 0; i < 4; i++)
        sqlite3_finalize(statements[i]);
    world_sqlite_close(b->db);
}

/* ---- consuming -------------------------------------------------------------------------------------------------- */

struct consumer {
    struct kit *kit;
    struct rpc_stream *stream;
    uint64_t seen, wanted, bytes;
    bool stands, ended;
};

static void on_headers(void *arg, struct grpc_metadata headers)
{
    (void)headers;
    ((struct consumer *)arg)->stands = true;
}

static void on_message(void *arg, struct bytes message)
{
    struct consumer *c = arg;
    c->bytes += message.len;
    c->seen++;
}

static void on_finished(void *arg, const struct rpc_reply *reply)
{
    struct consumer *c = arg;
    if (reply->status != GRPC_OK && reply->status != GRPC_CANCELLED)
        fprintf(stderr, "events_bench: Consume: %s %.*s\n", grpc_status_name(reply->status), (int)reply->message.len,
                (const char *)reply->message.data);
    c->stream = NULL;
    c->ended = true;
}

static bool all_seen(void *arg)
{
    const struct consumer *c = arg;
    return c->ended || c->seen >= c->wanted;
}

static bool is_standing(void *arg)
{
    const struct consumer *c = arg;
    return c->ended || c->stands;
}

static bool is_ended(void *arg)
{
    return ((const struct consumer *)arg)->ended;
}

static int consume(struct consumer *c, struct kit *k, struct rpc_channel *channel, const char *name, int64_t offset)
{
    static const struct rpc_stream_events events = {
        .headers = on_headers, .message = on_message, .finished = on_finished};
    char topic[64];
    Events__ConsumeRequest request = EVENTS__CONSUME_REQUEST__INIT;
    struct text packed = TEXT_INIT;
    snprintf(topic, sizeof topic, "%s", name);
    request.topic = topic;
    request.offset = offset;
    request.auto_ack = true;
    *c = (struct consumer){.kit = k};
    (void)pb_pack(&request.base, &packed);
    const struct rpc_request r = {.path = "/events.Stream/Consume",
                                  .metadata = {&k->authorization, 1},
                                  .message = text_bytes(&packed),
                                  .has_message = true};
    int rc = rpc_stream_open(channel, &r, &events, c, &c->stream, NULL);
    text_deinit(&packed);
    if (rc == 0)
        rc = world_run_until(k->world, is_standing, c, CONSUME_WAIT);
    return rc == 0 && c->ended ? -1 : rc;
}

static void end_consumer(struct consumer *c)
{
    if (!c->stream)
        return;
    rpc_stream_cancel(c->stream);
    (void)world_run_until(c->kit->world, is_ended, c, CONSUME_WAIT);
}

static int replay(struct kit *k, struct rpc_channel *channel, const struct draw *d, double *out)
{
    struct consumer c;
    uint64_t start = world_now(k->world);
    int rc = consume(&c, k, channel, d->topic, 1);
    c.wanted = d->published;
    if (rc == 0)
        rc = world_run_until(k->world, all_seen, &c, CONSUME_WAIT);
    if (rc == 0 && c.seen != c.wanted)
        rc = -1;
    *out = (double)c.seen * 1e9 / (double)(world_now(k->world) - start);
    end_consumer(&c);
    return rc;
}

/* One event at a time, to a live consumer; milliseconds, sorted. */
static int latency(struct kit *k, struct rpc_channel *channel, uint64_t duration, double *out, int *count)
{
    struct consumer c;
    struct draw d = {.topic = "latency"};
    int rc = consume(&c, k, channel, d.topic, 0), n = 0;
    uint64_t start = world_now(k->world);
    while (rc == 0 && n < LATENCIES_MAX && world_now(k->world) - start < duration) {
        struct kit_figures ignored;
        struct kit_load one = {.kit = k,
                               .channel = channel,
                               .path = "/events.Stream/Publish",
                               .in_flight = 1,
                               .next = next_event,
                               .arg = &d,
                               .limit = 1};
        uint64_t before = world_now(k->world);
        c.wanted = c.seen + 1;
        rc = kit_run(&one, 0, &ignored);
        if (rc == 0)
            rc = world_run_until(k->world, all_seen, &c, CONSUME_WAIT);
        out[n++] = (double)(world_now(k->world) - before) / 1e6;
    }
    end_consumer(&c);
    *count = n;
    return rc;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* ---- the runs --------------------------------------------------------------------------------------------------- */

#define KINDS 3
static const int in_flight[KINDS] = {1, 64, 1000};
#define GOAL 50000 /* durable events per second with batching */

struct results {
    double ours[KINDS][KIT_RUNS_MAX], bare[KINDS][KIT_RUNS_MAX], cpu[KINDS][KIT_RUNS_MAX];
    double replayed[KIT_RUNS_MAX], bare_replayed[KIT_RUNS_MAX];
    double latencies[LATENCIES_MAX];
    int latency_count;
};

static int run_once(struct kit *k, struct rpc_channel *channel, struct bare *b, struct draw *d, uint64_t duration,
                    int run, struct results *r)
{
    int rc = 0;
    for (int kind = 0; rc == 0 && kind < KINDS; kind++) {
        struct kit_figures f;
        struct kit_load load = {.kit = k,
                                .channel = channel,
                                .path = "/events.Stream/Publish",
                                .in_flight = in_flight[kind],
                                .next = next_event,
                                .arg = d};
        rc = kit_run(&load, duration, &f);
        if (rc == 0)
            rc = bare_puts(b, k, in_flight[kind], duration, &r->bare[kind][run]);
        r->ours[kind][run] = f.calls_per_second;
        r->cpu[kind][run] = f.cpu_us;
    }
    if (rc == 0)
        rc = replay(k, channel, d, &r->replayed[run]);
    if (rc == 0)
        rc = bare_replay(b, k, d->published, &r->bare_replayed[run]);
    return rc;
}

static void report(struct results *r, int runs, bool json)
{
    FILE *table = json ? stderr : stdout;
    fprintf(table, "events of %d bytes, one connection, median of %d interleaved runs\n", PAYLOAD_BYTES, runs);
    fprintf(table, "%-24s %12s %14s   %-22s %12s %8s  %s\n", "", "events/s", "CPU us/call", "bare SQLite", "rows/s",
            "ratio", "goal");
    if (json)
        printf("{\"bench\":\"events\",\"runs\":%d,\"payload_bytes\":%d", runs, PAYLOAD_BYTES);
    for (int i = 0; i < KINDS; i++) {
        double ours = kit_median(r->ours[i], runs), bare = kit_median(r->bare[i], runs),
               cpu = kit_median(r->cpu[i], runs);
        char label[40], rival[40], goal[40] = "";
        snprintf(label, sizeof label, "publish, %d in flight", in_flight[i]);
        snprintf(rival, sizeof rival, "%d rows/transaction", in_flight[i]);
        if (i == KINDS - 1)
            snprintf(goal, sizeof goal, "%d/s: %s", GOAL, ours >= GOAL ? "met" : "missed");
        fprintf(table, "%-24s %12.0f %14.2f   %-22s %12.0f %8.2f  %s\n", label, ours, cpu, rival, bare, ours / bare,
                goal);
        if (json)
            printf(",\"publish_%d\":{\"per_second\":%.0f,\"cpu_us\":%.2f,\"bare_per_second\":%.0f,\"ratio\":%.3f}",
                   in_flight[i], ours, cpu, bare, ours / bare);
    }
    double ours = kit_median(r->replayed, runs), bare = kit_median(r->bare_replayed, runs);
    fprintf(table, "%-24s %12.0f %14s   %-22s %12.0f %8.2f\n", "replay from disk", ours, "", "SELECT", bare,
            ours / bare);
    qsort(r->latencies, (size_t)r->latency_count, sizeof r->latencies[0], by_size);
    double median = r->latencies[r->latency_count / 2], tail = r->latencies[r->latency_count * 99 / 100];
    fprintf(table, "publish to live consumer: median %.2f ms, 99 %% below %.2f ms (%d events, one at a time)\n", median,
            tail, r->latency_count);
    if (json)
        printf(
            ",\"replay\":{\"per_second\":%.0f,\"bare_per_second\":%.0f,\"ratio\":%.3f},\"latency_ms\":{\"median\":%.3f,"
            "\"p99\":%.3f}}\n",
            ours, bare, ours / bare, median, tail);
}

int main(int argc, char **argv)
{
    static struct results results;
    int64_t runs = 5, seconds = 1;
    const char *data = ".";
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
        else if (strcmp(argv[i], "--data") == 0 && i + 1 < argc)
            data = argv[++i];
        else
            rc = error_set(&err, ERROR_INVALID, "unknown option %s", argv[i]);
        if (rc) {
            fprintf(stderr,
                    "events_bench: %s\nusage: events_bench [--runs N] [--seconds S] [--data DIRECTORY] [--json]\n",
                    err.message ? err.message : "out of memory");
            error_clear(&err);
            return 2;
        }
    }
    struct kit k;
    struct bare b = {0};
    struct draw d = {.topic = "bench"};
    struct rpc_channel *channel = NULL;
    uint64_t duration = (uint64_t)(seconds * SECOND);
    int rc = kit_init(&k, "events_bench", data);
    if (rc == 0)
        rc = kit_start(&k, "events");
    if (rc == 0)
        rc = bare_open(&b, &k);
    if (rc == 0)
        rc = (channel = kit_channel(&k)) ? 0 : -1;
    for (int i = 0; rc == 0 && i < runs; i++)
        rc = run_once(&k, channel, &b, &d, duration, i, &results);
    if (rc == 0)
        rc = latency(&k, channel, duration, results.latencies, &results.latency_count);
    if (rc == 0 && results.latency_count > 0)
        report(&results, (int)runs, json);
    else
        fprintf(stderr, "events_bench: failed\n");
    rpc_channel_free(channel);
    if (b.db)
        bare_close(&b);
    kit_deinit(&k);
    return rc ? 1 : 0;
}
