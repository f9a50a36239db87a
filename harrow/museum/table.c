#include "harrow/museum/table.h"

#include "base/array.h"
#include "base/json_build.h"
#include "harrow/run/run.h"
#include "world/foreign.h"
#include "world/real.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef HARROW_MUSEUM
#include "world/museum/names.h"
#endif

#define CLASSES_MAX 32

struct museum_settings museum_settings;
const char *const museum_shrinks[] = {"never", "always", NULL};

struct tally {
    const char *kind;
    int bugs, reached, triggered, found, false_reports;
};

/* What was made smaller. */
struct smaller_tally {
    ARRAY(size_t) before, after;
    int to_one;
};

static struct tally tallies[CLASSES_MAX + 1];
static struct smaller_tally all_smaller;
static bool interrupted;

static void put_time(uint64_t ns, char text[16])
{
    if (ns == MUSEUM_NEVER)
        snprintf(text, 16, "-");
    else
        snprintf(text, 16, "%.1f", (double)ns / (double)SECOND);
}

static json_t *seconds_of(uint64_t ns)
{
    return ns == MUSEUM_NEVER ? json_null() : json_real((double)ns / (double)SECOND);
}

static void print_json(const struct museum_result *r, const char *size)
{
    json_t *o =
        json_pack("{ss ss so so so so ss sI sI si si sb}", "bug", r->name, "class", r->kind, "reached",
                  seconds_of(r->reached), "triggered", seconds_of(r->triggered), "found", seconds_of(r->found), "used",
                  seconds_of(r->used), "oracle", r->oracle, "seed", (json_int_t)r->seed, size, (json_int_t)r->size,
                  "false_reports", r->false_reports, "trials", r->trials, "failed", r->failed);
    const struct museum_smaller *m = &r->smaller;
    if (m->size_before > 0) {
        json_t *smaller =
            json_pack("{sI sI sI sI sI so sb}", "size_before", (json_int_t)m->size_before, "size", (json_int_t)r->size,
                      "operations_before", (json_int_t)m->operations_before, "operations", (json_int_t)m->operations,
                      "tries", (json_int_t)m->tries, "seconds", seconds_of(m->took), "minimal", m->minimal);
        json_build_set(&o, "smaller", smaller);
    }
    if (r->small.len > 0)
        json_build_set(&o, "small", json_stringn(r->small.data, r->small.len));
    harrow_json_print(o, 0);
}

static void print_line(const struct museum_result *r)
{
    char reached[16], hit[16], found[16], size[16] = "-";
    put_time(r->reached, reached);
    put_time(r->triggered, hit);
    put_time(r->found, found);
    if (r->smaller.size_before > 0)
        snprintf(size, sizeof size, "%lld>%zu", (long long)r->smaller.size_before, r->size);
    else if (r->size > 0 || r->small.len > 0)
        snprintf(size, sizeof size, "%zu", r->size);
    printf("%-28s %9s %9s %9s %7s  %s%s\n", r->name, reached, hit, found, size,
           r->failed                  ? "could not be run, see its folder"
           : r->found == MUSEUM_NEVER ? "missed"
                                      : r->oracle,
           r->false_reports ? " (and false)" : "");
    if (r->smaller.size_before > 0)
        printf("    operations: %lld>%lld; %lld tries, %.1f s%s\n", (long long)r->smaller.operations_before,
               (long long)r->smaller.operations, (long long)r->smaller.tries, (double)r->smaller.took / (double)SECOND,
               r->smaller.minimal ? "; none can be left out" : "");
    for (const char *at = r->small.len > 0 ? r->small.data : NULL, *end; at && *at; at = *end ? end + 1 : end) {
        end = strchrnul(at, '\n');
        printf("    %.*s\n", (int)(end - at), at);
    }
}

static void on_done(void *arg, const struct museum_result *r)
{
    const char *size = arg;
    struct tally *t = tallies;
    while (t->kind && strcmp(t->kind, r->kind) != 0 && t < tallies + CLASSES_MAX - 1)
        t++;
    t->kind = r->kind;
    t->bugs++;
    t->reached += r->reached != MUSEUM_NEVER;
    t->triggered += r->triggered != MUSEUM_NEVER;
    t->found += r->found != MUSEUM_NEVER;
    t->false_reports += r->false_reports;
    if (r->smaller.size_before > 0 && array_push(&all_smaller.before, (size_t)r->smaller.size_before) &&
        array_push(&all_smaller.after, r->size))
        all_smaller.to_one += r->size <= 1;
    if (museum_settings.json)
        print_json(r, size);
    else
        print_line(r);
    fflush(stdout);
}

static void print_tally(const struct tally *t)
{
    printf("%-28s %9d %9d %9d %9d %9d\n", t->kind, t->bugs, t->reached, t->triggered, t->found, t->false_reports);
}

static int by_size(const void *a, const void *b)
{
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    return x < y ? -1 : x > y;
}

static void print_smaller(const char *size)
{
    size_t count = all_smaller.after.count;
    if (count == 0)
        return;
    qsort(all_smaller.before.items, all_smaller.before.count, sizeof *all_smaller.before.items, by_size);
    qsort(all_smaller.after.items, count, sizeof *all_smaller.after.items, by_size);
    printf("\nmade smaller: %zu; median %s %zu>%zu, most %zu>%zu; to one or none: %d\n", count, size,
           all_smaller.before.items[count / 2], all_smaller.after.items[count / 2], all_smaller.before.items[count - 1],
           all_smaller.after.items[count - 1], all_smaller.to_one);
}

static void print_summary(const char *size)
{
    struct tally all = {.kind = "all"};
    printf("\n%-28s %9s %9s %9s %9s %9s\n", "class", "bugs", "reached", "triggered", "found", "false");
    for (const struct tally *t = tallies; t->kind; t++) {
        print_tally(t);
        all.bugs += t->bugs;
        all.reached += t->reached;
        all.triggered += t->triggered;
        all.found += t->found;
        all.false_reports += t->false_reports;
    }
    print_tally(&all);
    print_smaller(size);
}

static void on_signal(void *arg, int signal)
{
    (void)arg;
    (void)signal;
    interrupted = true;
}

#ifdef HARROW_MUSEUM
/* The bugs asked for. */
static size_t choose(const char *museum, struct museum_bug list[MUSEUM_BUGS])
{
    const struct museum_settings *s = &museum_settings;
    size_t count = 0;
    for (int i = 0; i < MUSEUM_BUGS; i++) {
        if (strcmp(museum_bugs[i].museum, museum) != 0 || (s->only && !strstr(museum_bugs[i].name, s->only)) ||
            (s->class_ && strcmp(museum_bugs[i].kind, s->class_) != 0))
            continue;
        list[count++] =
            (struct museum_bug){.name = museum_bugs[i].name,
                                .kind = museum_bugs[i].kind,
                                .number = i + 1,
                                .experiment = museum_bugs[i].experiment,
                                .processes = museum_bugs[i].driver && strcmp(museum_bugs[i].driver, "processes") == 0};
    }
    return count;
}

static int run_all(struct world *w, const char *name, const struct museum_collection *collection, const char *given,
                   const char *size, struct error *err)
{
    static struct museum_bug list[MUSEUM_BUGS];
    const struct museum_settings *s = &museum_settings;
    const char *folder = world_program_folder(w);
    char program[4096];
    size_t count = choose(name, list);
    if (count == 0)
        return error_set(err, ERROR_NOT_FOUND, "no bug is called so: --only takes a part of a name");
    if (!folder || (size_t)snprintf(program, sizeof program, "%s/harrow", folder) >= sizeof program)
        return error_set(err, ERROR_NOT_FOUND, "the folder this program stands in is not known");
    const char *const prefix[] = {program, NULL};
    const struct museum_options options = {.program = prefix,
                                           .manifest = given,
                                           .out = s->out,
                                           .seed = s->seed,
                                           .limit = (uint64_t)(s->minutes * MINUTE + s->seconds * SECOND),
                                           .jobs = (int)s->jobs,
                                           .shrink = strcmp(s->shrink, "always") == 0};
    if (!s->json)
        printf("%-28s %9s %9s %9s %7s  %s   (seconds of processor time; seed %llu)\n", "bug", "reached", "triggered",
               "found", size, "told by", (unsigned long long)s->seed);
    char key[16];
    snprintf(key, sizeof key, "%s", size);
    return museum_run(w, collection, &options, list, count, &interrupted, on_done, key, err);
}
#else
static int run_all(struct world *w, const char *name, const struct museum_collection *collection, const char *given,
                   const char *size, struct error *err)
{
    (void)w, (void)name, (void)collection, (void)given, (void)size;
    (void)on_done;
    return error_set(err, ERROR_UNSUPPORTED,
                     "this harrow and its system have no museum: build them with cmake -DHARROW_MUSEUM=ON, in a "
                     "folder of their own");
}
#endif

int museum_command(const char *name, const struct museum_collection *collection, const char *given, const char *size)
{
    struct error err = ERROR_INIT;
    struct world *w = NULL;
    int code = world_real_new(museum_settings.seed, &w, &err), exit_code = HARROW_PASSED;
    if (code == 0) {
        world_on_signal(w, on_signal, NULL);
        code = run_all(w, name, collection, given, size, &err);
    }
    if (code != 0)
        exit_code = harrow_error(&err, "museum");
    if (!museum_settings.json && tallies[0].kind)
        print_summary(size);
    array_deinit(&all_smaller.before);
    array_deinit(&all_smaller.after);
    error_clear(&err);
    world_real_free(w);
    return exit_code;
}
