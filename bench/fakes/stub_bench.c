/* Stubs in process: what a call costs by how many stubs its method has, answered and missed; loading; memory.
 *
 *   stub_bench [--calls N]
 *
 * Every set is asked in turn, a slice of the calls at a time, so that a busy machine hurts all of them alike; what is
 * told is the median of the slices, and its ratio to a single stub. CPU time of this thread. */
#include "base/heap.h"
#include "base/options.h"
#include "base/random.h"
#include "fakes/stub/stub.h"
#include "fakes/stub/testdata/set.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define SLICES      15
#define CHUNK       50000 /* stubs of one text that is added: texts have a limit */
#define SETS        8
#define REQUESTS    65536 /* made before the clock runs */
#define REQUEST_LEN 64

struct measured {
    const char *name, *format; /* of one stub, with %d for its number */
    int stubs;
    int share; /* of the calls, one in so many: of what is slow; 0: all */
    struct stub_set *set;
    struct fake_responder responder;
    double load_us, bytes, hit_ns[SLICES], miss_ns[SLICES];
};

struct request {
    uint8_t wire[REQUEST_LEN];
    size_t len;
};

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int compare(const void *a, const void *b)
{
    double x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

static double median(double *values)
{
    qsort(values, SLICES, sizeof *values, compare);
    return values[SLICES / 2];
}

static void add_one(const char *format, struct text *out, int i)
{
    char line[512];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(line, sizeof line, format, i, i);
#pragma GCC diagnostic pop
    text_puts(out, line);
}

static void load(struct measured *m, const struct pb_pool *pool)
{
    struct error err = ERROR_INIT;
    struct text json = TEXT_INIT;
    uint64_t before = heap_in_use();
    double cpu = 0;
    if (stub_set_new(pool, 1, &m->set, &err) != 0)
        exit(1);
    for (int i = 0; i < m->stubs;) {
        text_clear(&json);
        text_char(&json, '[');
        for (int end = i + CHUNK; i < end && i < m->stubs; i++) {
            text_puts(&json, json.len > 1 ? ",\n" : "");
            add_one(m->format, &json, i);
        }
        text_char(&json, ']');
        double start = cpu_seconds();
        if (stub_set_add_json(m->set, text_bytes(&json), "bench.json", NULL, &err) < 0) {
            fprintf(stderr, "%d:%d: %s\n", err.line, err.column, err.message);
            exit(1);
        }
        cpu += cpu_seconds() - start;
    }
    text_deinit(&json);
    m->load_us = cpu * 1e6 / m->stubs;
    m->bytes = (double)(heap_in_use() - before) / m->stubs;
    m->responder = stub_set_responder(m->set);
}

static void make(struct request *r, const char *format, int i)
{
    char id[40];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    int len = snprintf(id, sizeof id, format, i);
#pragma GCC diagnostic pop
    r->wire[0] = 0x0A;
    r->wire[1] = (uint8_t)len;
    memcpy(r->wire + 2, id, (size_t)len);
    r->wire[2 + len] = 0x10; /* count = 3 */
    r->wire[3 + len] = 3;
    r->len = (size_t)len + 4;
}

static double ask(struct measured *m, const struct pb_method *method, const struct request *requests, int calls,
                  struct fake_answer *answer, enum fake_verdict wanted)
{
    const struct grpc_header headers[] = {{bytes_of("content-type"), bytes_of("application/grpc")},
                                          {bytes_of("te"), bytes_of("trailers")}};
    struct fake_asked asked = {.service = method->service,
                               .method = method,
                               .messages = 1,
                               .complete = true,
                               .metadata = {headers, 2},
                               .caller = "127.0.0.1:1",
                               .session = "",
                               .now = 1};
    double start = cpu_seconds();
    for (int i = 0; i < calls; i++) {
        const struct request *r = &requests[i & (REQUESTS - 1)];
        asked.request = BYTES(r->wire, r->len);
        asked.ends = &r->len;
        fake_answer_clear(answer);
        if (m->responder.respond(m->responder.arg, &asked, answer) != wanted) {
            fprintf(stderr, "%s: wrong verdict\n", m->name);
            exit(1);
        }
    }
    return (cpu_seconds() - start) * 1e9 / calls;
}

static int64_t calls;

static int run(const struct arguments *args)
{
    static struct measured sets[SETS] = {
        {.name = "1 stub", .stubs = 1},
        {.name = "500", .stubs = 500},
        {.name = "10,000", .stubs = 10000},
        {.name = "500,000", .stubs = 500000},
        {.name = "500,000 by $glob user-N*",
         .stubs = 500000,
         .format =
             "{\"call\": \"shop.Shop/Find\", \"when\": {\"id\": {\"$glob\": \"user-%07d*\"}}, \"answer\": {\"id\": "
             "\"item\", \"amount\": %d}}"},
        {.name = "1, with a template",
         .stubs = 1,
         .format = "{\"call\": \"shop.Shop/Find\", \"when\": {\"id\": \"user-%07d\"}, \"answer\": {\"id\": "
                   "\"${request.id}\", \"amount\": %d}}"},
        {.name = "500 by $regex N$ alone",
         .stubs = 500,
         .share = 100,
         .format = "{\"call\": \"shop.Shop/Find\", \"when\": {\"id\": {\"$regex\": \"%07d$\"}}, \"answer\": {\"id\": "
                   "\"item\", \"amount\": %d}}"},
        {.name = "500,000, of two values",
         .stubs = 500000,
         .format =
             "{\"call\": \"shop.Shop/Find\", \"when\": {\"id\": \"user-%07d\", \"count\": 3}, \"answer\": {\"id\": "
             "\"item\", \"amount\": %d}}"},
    };
    struct pb_pool *pool;
    struct fake_answer answer;
    struct request *hits = calloc(REQUESTS, sizeof *hits), *misses = calloc(REQUESTS, sizeof *misses);
    (void)args;
    if (hits == NULL || misses == NULL || pb_pool_new(shop_set(), "shop", &pool, NULL) != 0)
        return 2;
    const struct pb_method *method = &pb_find_service(pool, "shop.Shop")->methods[0];
    fake_answer_init(&answer);
    for (int s = 0; s < SETS; s++) {
        if (sets[s].format == NULL)
            sets[s].format = "{\"call\": \"shop.Shop/Find\", \"when\": {\"id\": \"user-%07d\"}, \"answer\": {\"id\": "
                             "\"item\", \"title\": \"a title of some length\", \"amount\": %d}}";
        load(&sets[s], pool);
    }
    struct random random;
    random_seed(&random, 1);
    for (int slice = 0; slice < SLICES; slice++)
        for (int s = 0; s < SETS; s++) {
            int each = (int)(calls / SLICES / (sets[s].share > 0 ? sets[s].share : 1));
            for (int i = 0; i < REQUESTS; i++) {
                make(&hits[i], "user-%07d", (int)random_below(&random, (uint64_t)sets[s].stubs));
                make(&misses[i], "miss-%07dx", (int)random_below(&random, 1000000));
            }
            each = each > 0 ? each : 1;
            sets[s].hit_ns[slice] = ask(&sets[s], method, hits, each, &answer, FAKE_ANSWERED);
            sets[s].miss_ns[slice] = ask(&sets[s], method, misses, each, &answer, FAKE_PASSED);
        }
    printf("%-28s %9s %6s %9s %6s %12s %10s %8s\n", "stubs", "answered", "rate", "missed", "rate", "answers/s",
           "B a stub", "load");
    double hit = 0, miss = 0;
    for (int s = 0; s < SETS; s++) {
        double h = median(sets[s].hit_ns), m = median(sets[s].miss_ns);
        hit = s == 0 ? h : hit;
        miss = s == 0 ? m : miss;
        printf("%-28s %6.0f ns %5.2fx %6.0f ns %5.2fx %12.0f %8.0f B %5.1f us\n", sets[s].name, h, hit / h, m, miss / m,
               1e9 / h, sets[s].bytes, sets[s].load_us);
    }
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("largest resident size %ld MiB\n", usage.ru_maxrss / 1024);
    for (int s = 0; s < SETS; s++)
        stub_set_free(sets[s].set);
    fake_answer_deinit(&answer);
    pb_pool_free(pool);
    free(hits);
    free(misses);
    return 0;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {.name = "calls",
         .kind = OPTION_INTEGER,
         .target = &calls,
         .argument = "N",
         .help = "of each set of stubs, answered and missed",
         .fallback = "2000000",
         .min = SLICES,
         .max = INT32_MAX},
        {.name = NULL},
    };
    static const struct command root = {
        .name = "stub_bench",
        .summary = "what a stub costs: time by number of stubs, and memory",
        .options = options,
        .run = run,
    };
    return command_main(&root, argc, argv, NULL);
}
