/* Runs cases against all of micro in one simulation and says what is wrong.
 *
 *     whole_replay [--repeat N | --stable N] [--leak] [--seed N] [--fork] [--show] FILE...
 *
 * A file is a script (docs/fuzz-cases.md) or a case of a corpus. --repeat runs each so often, by turns from the saved
 * world and in mid-sequence, and compares the traces of all events of the simulation; 2 when two differ. --stable runs
 * each so often and compares what they covered, where the build counts that; with --show the edges that differ come as
 * offsets into the program. --leak has each repeated in its world to see what it leaves there (leak.h). Exit code 1:
 * something was found. */
#include "fuzz/case/case.h"
#include "tests/whole/fresh.h"
#include "tests/whole/stable.h"
#include "world/real.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX ((size_t)16 << 20)

static struct fresh *fresh;
static bool show, leak;

/* On the stack: variables go back with the world. */
struct coverage {
    struct stable stable;
    struct stable_figures all; /* of all cases */
};

static int load(struct world *w, const char *path, struct fuzz_case *out, struct error *err)
{
    struct text file = TEXT_INIT;
    int rc = world_read_file(w, path, FILE_MAX, &file, err);
    if (rc == 0 && file.len >= 4 && memcmp(file.data, "HFZ1", 4) == 0)
        rc = fuzz_case_read(text_bytes(&file), out, err);
    else if (rc == 0)
        rc = fuzz_case_parse(text_bytes(&file), path, fresh_pool(fresh), out, err);
    text_deinit(&file);
    return rc;
}

static void print(const struct fuzz_trace *trace)
{
    for (size_t i = 0; show && i < trace->calls.count; i++) {
        const struct trace_call *k = &trace->calls.items[i];
        struct bytes text = fuzz_trace_bytes(trace, k->text);
        printf("    %zu %s: %d, %u replies, %llu us%s%s %.*s\n", i, k->method ? k->method->path : "?", k->status,
               k->replies, (unsigned long long)(k->duration / 1000), k->timed_out ? ", timed out" : "",
               k->ended_by_us ? ", ended by us" : "", (int)text.len, (const char *)text.data);
    }
}

/* 0: nothing; 1: found; 2: not repeatable. */
static int replay(const struct fuzz_case *c, long repeat, struct fuzz_trace *trace, struct whole_verdict *verdict)
{
    uint64_t hash = 0;
    size_t middle = 0;
    for (size_t i = 0; i < c->events.count / 2; i++)
        if (c->events.items[i].kind == EVENT_AWAIT)
            middle = i + 1;
    for (long i = 0; i < repeat; i++) {
        fresh_prefix(fresh, c, i % 3 ? middle : 0);
        if (fresh_run(fresh, c, trace, verdict) != 0)
            return 3;
        if (i > 0 && hash != fresh_hash(fresh))
            return 2;
        hash = fresh_hash(fresh);
    }
    return verdict->oracle != NULL;
}

/* What AFL++ does to calibrate an input. */
static int compare_coverage(struct coverage *v, const struct fuzz_case *c, long runs, struct fuzz_trace *trace,
                            struct whole_verdict *verdict)
{
    stable_another(&v->stable);
    for (long i = 0; i < runs; i++) {
        stable_begin(&v->stable);
        if (fresh_run(fresh, c, trace, verdict) != 0)
            return 3;
        stable_end(&v->stable);
    }
    struct stable_figures f = stable_figures(&v->stable);
    v->all.reached += f.reached;
    v->all.unstable += f.unstable;
    for (size_t i = 0; show && i < v->stable.count; i++)
        if (stable_offset(&v->stable, i))
            printf("    0x%llx\n", (unsigned long long)stable_offset(&v->stable, i));
    return verdict->oracle != NULL;
}

static int add_repeat(struct fuzz_case *c)
{
    const struct fuzz_event e = {.kind = EVENT_ENVIRONMENT, .number = 1};
    return leak ? fuzz_case_insert(c, 0, &e, bytes_of("repeat"), BYTES_NONE) : 0;
}

int main(int argc, char **argv)
{
    static const char *const words[] = {"nothing", "found", "not repeatable", "no memory"};
    struct world *w = NULL;
    struct error err = ERROR_INIT;
    struct fuzz_trace trace = FUZZ_TRACE_INIT;
    struct whole_verdict verdict = {.oracle = NULL};
    struct coverage coverage = {.all = {0}};
    long repeat = 1, runs = 0;
    uint64_t seed = 1;
    bool fork = false;
    int worst = 0, i = 1;
    for (; i < argc && argv[i][0] == '-'; i++) {
        if (strcmp(argv[i], "--repeat") == 0 && i + 1 < argc)
            repeat = strtol(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--stable") == 0 && i + 1 < argc)
            runs = strtol(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--leak") == 0)
            leak = true;
        else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc)
            seed = strtoull(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--fork") == 0)
            fork = true;
        else if (strcmp(argv[i], "--show") == 0)
            show = true;
        else
            i = argc;
    }
    if (i >= argc || repeat < 1) {
        fprintf(stderr,
                "usage: whole_replay [--repeat N | --stable N] [--leak] [--seed N] [--fork] [--show] FILE...\n");
        return 3;
    }
    if (world_real_new(1, &w, &err) != 0 || fresh_new(seed, fork, &fresh, &err) != 0) {
        fprintf(stderr, "whole_replay: %s\n", err.message ? err.message : "out of memory");
        return 3;
    }
    if (runs > 0 && stable_init(&coverage.stable) != 0) {
        fprintf(stderr, "whole_replay: this build counts no edges\n");
        return 3;
    }
    fresh_trace(fresh, runs == 0);
    for (; i < argc; i++) {
        struct fuzz_case c = FUZZ_CASE_INIT;
        struct fresh_figures figures;
        int rc = load(w, argv[i], &c, &err);
        if (rc == 0)
            rc = add_repeat(&c);
        if (rc) {
            struct text text = TEXT_INIT;
            error_format(&err, &text);
            fprintf(stderr, "%s\n", text_string(&text));
            text_deinit(&text);
            error_clear(&err);
            worst = 3;
        } else {
            rc = runs > 0 ? compare_coverage(&coverage, &c, runs, &trace, &verdict)
                          : replay(&c, repeat, &trace, &verdict);
            fresh_figures(fresh, &figures);
            printf("%s: %s%s%s %s%s%s [%016llx, %llu events]\n", argv[i], words[rc], verdict.oracle ? ": " : "",
                   verdict.oracle ? verdict.oracle : "", verdict.method, verdict.why.len ? ": " : "",
                   text_string(&verdict.why), (unsigned long long)fresh_hash(fresh), (unsigned long long)figures.steps);
            print(&trace);
            worst = rc > worst ? rc : worst;
        }
        fuzz_case_deinit(&c);
    }
    if (coverage.all.reached)
        printf("%.3f %% stable: %zu of %zu edges differ, each case for itself\n",
               100 - 100 * (double)coverage.all.unstable / (double)coverage.all.reached, coverage.all.unstable,
               coverage.all.reached);
    stable_deinit(&coverage.stable);
    fuzz_trace_deinit(&trace);
    text_deinit(&verdict.why);
    fresh_free(fresh);
    world_real_free(w);
    return worst;
}
