#include "harrow/chaos/nightly.h"

#include "base/hash.h"
#include "base/json_text.h"
#include "base/units.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FINDING_NEWS 20  /* facts that a finding counts as */
#define LEARNING     0.3 /* weight of the last turn in the score */
#define FORM         1   /* of the file */

static int no_memory(struct error *err)
{
    return error_set(err, ERROR_MEMORY, "out of memory");
}

static void finding_deinit(struct night_finding *f)
{
    free(f->key);
    free(f->title);
    free(f->replay);
    free(f->arm);
}

void night_deinit(struct night *n)
{
    for (size_t i = 0; i < n->arms.count; i++) {
        free(n->arms.items[i].name);
        array_deinit(&n->arms.items[i].recoveries);
    }
    for (size_t i = 0; i < n->findings.count; i++)
        finding_deinit(&n->findings.items[i]);
    array_deinit(&n->arms);
    array_deinit(&n->findings);
    features_deinit(&n->facts);
    *n = (struct night){0};
}

int night_add_arm(struct night *n, const char *name, const char *path, const char *driver, bool searches,
                  struct error *err)
{
    if (n->arms.count == NIGHT_ARMS_MAX)
        return error_set(err, ERROR_LIMIT, "a night has at most %d experiments and drivers together", NIGHT_ARMS_MAX);
    struct night_arm a = {.name = strdup(name), .path = path, .driver = driver, .searches = searches, .every = 1};
    if (a.name == NULL || !array_push(&n->arms, a)) {
        free(a.name);
        return no_memory(err);
    }
    return 0;
}

struct night_arm *night_find_arm(const struct night *n, const char *name)
{
    for (size_t i = 0; i < n->arms.count; i++)
        if (strcmp(n->arms.items[i].name, name) == 0)
            return &n->arms.items[i];
    return NULL;
}

/* ---- whose turn it is ---- */

static bool fits(const struct night_arm *a, uint64_t left)
{
    return a->searches || a->longest < left; /* a search takes the time it is given */
}

static struct night_arm *by_turns(struct night *n, uint64_t left)
{
    for (size_t i = 0; i < n->arms.count; i++) {
        struct night_arm *a = &n->arms.items[n->next];
        n->next = (n->next + 1) % n->arms.count;
        if (fits(a, left))
            return a;
    }
    return NULL;
}

static struct night_arm *by_score(struct night *n, struct random *r, uint64_t left)
{
    double all = 0;
    struct night_arm *last = NULL;
    for (size_t i = 0; i < n->arms.count; i++)
        all += fits(&n->arms.items[i], left) ? n->arms.items[i].score : 0;
    double at = random_unit(r) * all;
    for (size_t i = 0; i < n->arms.count && all > 0; i++) {
        struct night_arm *a = &n->arms.items[i];
        if (!fits(a, left) || a->score <= 0)
            continue;
        last = a;
        if ((at -= a->score) < 0)
            break;
    }
    return last;
}

struct night_arm *night_next(struct night *n, struct random *r, uint64_t left)
{
    for (size_t i = 0; i < n->arms.count; i++)
        if (n->arms.items[i].turns == 0 && fits(&n->arms.items[i], left))
            return &n->arms.items[i];
    struct night_arm *a = random_below(r, 2) == 0 ? by_score(n, r, left) : NULL;
    return a != NULL ? a : by_turns(n, left);
}

/* ---- what a turn brings ---- */

static const char *text_of(const json_t *line, const char *key)
{
    const char *text = json_string_value(json_object_get(line, key));
    return text != NULL ? text : "";
}

/* 1 when nobody saw it before, 0, or ERROR_MEMORY. */
static int add_fact(struct night *n, uint64_t fact)
{
    size_t before = n->facts.count;
    if (features_add(&n->facts, fact, NIGHT_FACTS_MAX) == FEATURE_NONE && before < NIGHT_FACTS_MAX)
        return ERROR_MEMORY;
    return n->facts.count > before;
}

static int see_fault(struct night *n, struct night_arm *a, const json_t *line)
{
    bool injected = strcmp(text_of(line, "state"), "inject") == 0;
    bool verified = json_is_true(json_object_get(line, "verified"));
    a->faults += injected && verified;
    if (injected || json_integer_value(json_object_get(line, "hits")) == 0)
        return 0;
    return add_fact(
        n, hash_word(hash_word(hash_word(HASH_START, "fault"), text_of(line, "name")), text_of(line, "target")));
}

static int keep_recovery(struct night_arm *a, int64_t duration)
{
    if (a->skipped++ % a->every != 0)
        return 0;
    if (a->recoveries.count == NIGHT_RECOVERIES_MAX) {
        for (size_t i = 0; i < NIGHT_RECOVERIES_MAX / 2; i++)
            a->recoveries.items[i] = a->recoveries.items[2 * i];
        a->recoveries.count = NIGHT_RECOVERIES_MAX / 2;
        a->every *= 2;
    }
    return array_push(&a->recoveries, duration) ? 0 : ERROR_MEMORY;
}

static int see_recovery(struct night *n, struct night_arm *a, const json_t *line)
{
    int64_t duration = json_integer_value(json_object_get(line, "duration"));
    char class[16];
    unsigned c = 0;
    for (int64_t ms = duration / MILLISECOND; ms > 0; ms /= 4)
        c++;
    snprintf(class, sizeof class, "%u", c);
    int code = keep_recovery(a, duration);
    return code != 0
               ? code
               : add_fact(n, hash_word(hash_word(hash_word(hash_word(HASH_START, "recovery"), text_of(line, "fault")),
                                                 text_of(line, "target")),
                                       class));
}

static int see_failure(struct night *n, struct night_arm *a, const char *where, const char *what, const char *title,
                       const char *replay)
{
    char key[256];
    snprintf(key, sizeof key, "%s / %s", where, what);
    a->findings++;
    for (size_t i = 0; i < n->findings.count; i++) {
        struct night_finding *known = &n->findings.items[i];
        if (strcmp(known->key, key) == 0) {
            known->times++;
            return 0;
        }
    }
    if (n->findings.count == NIGHT_FINDINGS_MAX)
        return 0;
    struct night_finding f = {.key = strdup(key),
                              .title = strdup(title),
                              .replay = strdup(replay),
                              .arm = strdup(a->name),
                              .times = 1,
                              .new = true};
    if (f.key == NULL || f.title == NULL || f.replay == NULL || f.arm == NULL || !array_push(&n->findings, f)) {
        finding_deinit(&f);
        return ERROR_MEMORY;
    }
    return FINDING_NEWS;
}

static int see_case(struct night *n, struct night_arm *a, const json_t *line)
{
    a->experiments += strcmp(text_of(line, "name"), "steady state before the storm") == 0;
    /* A search's own case only says that there are findings. */
    if (strcmp(text_of(line, "status"), "failed") != 0 || strcmp(text_of(line, "suite"), "search") == 0)
        return 0;
    return see_failure(n, a, text_of(line, "suite"), text_of(line, "name"), text_of(line, "message"),
                       text_of(line, "replay"));
}

static int see_finding(struct night *n, struct night_arm *a, const json_t *line)
{
    /* The small one is no other finding than the one it was made of. */
    if (strcmp(text_of(line, "oracle"), "smaller") == 0)
        return 0;
    /* What became of it on processes stands in a line of its own in a search's finding. */
    static const char mark[] = "\nas processes";
    const char *confirmed = strstr(text_of(line, "detail"), mark);
    char title[512];
    snprintf(title, sizeof title, "%s%s%.*s", text_of(line, "title"), confirmed != NULL ? "; " : "",
             confirmed != NULL ? (int)strcspn(confirmed + 1, "\n") : 0, confirmed != NULL ? confirmed + 1 : "");
    return see_failure(n, a, text_of(line, "oracle"), text_of(line, "target"), title, text_of(line, "replay"));
}

static int see_search(struct night *n, struct night_arm *a, const json_t *line)
{
    (void)n;
    int64_t added = json_integer_value(json_object_get(line, "added"));
    a->experiments += json_integer_value(json_object_get(line, "runs"));
    a->faults += json_integer_value(json_object_get(line, "faults"));
    a->schedules += added;
    return (int)(added < FINDING_NEWS * 10 ? added : FINDING_NEWS * 10);
}

int night_line(struct night *n, struct night_arm *a, const json_t *line)
{
    static const struct {
        const char *type;
        int (*see)(struct night *n, struct night_arm *a, const json_t *line);
    } types[] = {{"fault", see_fault},
                 {"recovery", see_recovery},
                 {"case", see_case},
                 {"finding", see_finding},
                 {"search", see_search}};
    const char *type = text_of(line, "type");
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (strcmp(type, types[i].type) != 0)
            continue;
        int news = types[i].see(n, a, line);
        if (news < 0)
            return news;
        a->news += news;
    }
    return 0;
}

void night_turn_ended(struct night_arm *a, uint64_t nanoseconds, int64_t news)
{
    double seconds = (double)nanoseconds / SECOND;
    double brought = seconds > 0 ? (double)news / seconds : 0;
    a->score = a->turns == 0 && a->score <= 0 ? brought : (1 - LEARNING) * a->score + LEARNING * brought;
    a->turns++;
    a->nanoseconds += nanoseconds;
    if (nanoseconds > a->longest)
        a->longest = nanoseconds;
}

/* ---- the report ---- */

static int compare(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

int64_t night_recovery(const struct night_arm *a, unsigned percent)
{
    size_t count = a->recoveries.count;
    if (count == 0)
        return -1;
    int64_t *sorted = malloc(count * sizeof *sorted);
    if (sorted == NULL)
        return -1;
    memcpy(sorted, a->recoveries.items, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, compare);
    size_t at = (count * percent + 99) / 100;
    int64_t value = sorted[at > 0 ? at - 1 : 0];
    free(sorted);
    return value;
}

static json_t *milliseconds(int64_t ns)
{
    return ns < 0 ? json_null() : json_real((double)(ns / MICROSECOND) / 1000);
}

json_t *night_table(const struct night *n)
{
    json_t *rows = json_array();
    bool ok = rows != NULL;
    for (size_t i = 0; ok && i < n->arms.count; i++) {
        const struct night_arm *a = &n->arms.items[i];
        if (a->nanoseconds == 0) /* its turn did not come, which a case of its own tells */
            continue;
        json_t *row = json_pack("[s, I, I, f, I, I, I, o, o]", a->name, (json_int_t)a->turns,
                                (json_int_t)a->experiments, (double)(a->nanoseconds / (uint64_t)MILLISECOND) / 1000,
                                (json_int_t)a->faults, (json_int_t)a->schedules, (json_int_t)a->findings,
                                milliseconds(night_recovery(a, 50)), milliseconds(night_recovery(a, 99)));
        ok = json_array_append_new(rows, row) == 0;
    }
    json_t *table =
        ok ? json_pack("{s:s, s:s, s:b, s:[s, s, s, s, s, s, s, s, s], s:O}", "pillar", "chaos", "title", "the night",
                       "whole", 1, "columns", "experiment", "turns", "runs", "seconds", "faults", "new schedules",
                       "findings", "recovery p50 ms", "recovery p99 ms", "rows", rows)
           : NULL;
    json_decref(rows);
    return table;
}

/* ---- the file ---- */

static json_t *arm_to_json(const struct night_arm *a)
{
    json_t *recoveries = json_array();
    bool ok = recoveries != NULL;
    for (size_t i = 0; ok && i < a->recoveries.count; i++)
        ok = json_array_append_new(recoveries, json_integer((json_int_t)a->recoveries.items[i])) == 0;
    json_t *arm =
        ok ? json_pack("{s:f, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:O}", "score", a->score, "turns",
                       (json_int_t)a->turns, "ns", (json_int_t)a->nanoseconds, "longest", (json_int_t)a->longest,
                       "experiments", (json_int_t)a->experiments, "faults", (json_int_t)a->faults, "schedules",
                       (json_int_t)a->schedules, "findings", (json_int_t)a->findings, "news", (json_int_t)a->news,
                       "every", (json_int_t)a->every, "recoveries", recoveries)
           : NULL;
    json_decref(recoveries);
    return arm;
}

int night_write(const struct night *n, struct text *out)
{
    json_t *arms = json_object(), *facts = json_array(), *findings = json_array();
    bool ok = arms != NULL && facts != NULL && findings != NULL;
    for (size_t i = 0; ok && i < n->arms.count; i++)
        ok = json_object_set_new(arms, n->arms.items[i].name, arm_to_json(&n->arms.items[i])) == 0;
    for (size_t i = 0; ok && i < n->facts.count; i++) {
        char hex[20];
        snprintf(hex, sizeof hex, "%016" PRIx64, n->facts.items[i].key);
        ok = json_array_append_new(facts, json_string(hex)) == 0;
    }
    for (size_t i = 0; ok && i < n->findings.count; i++) {
        const struct night_finding *f = &n->findings.items[i];
        ok = json_array_append_new(findings, json_pack("{s:s, s:s, s:s, s:s, s:I, s:b}", "key", f->key, "title",
                                                       f->title, "replay", f->replay, "arm", f->arm, "times",
                                                       (json_int_t)f->times, "new", f->new ? 1 : 0)) == 0;
    }
    json_t *all = ok ? json_pack("{s:i, s:b, s:I, s:O, s:O, s:O}", "nightly", FORM, "ended", n->ended ? 1 : 0, "spent",
                                 (json_int_t)n->spent, "arms", arms, "findings", findings, "facts", facts)
                     : NULL;
    char *dumped = all != NULL ? json_text_of(all, 1) : NULL;
    if (dumped != NULL) {
        text_puts(out, dumped);
        text_char(out, '\n');
    }
    free(dumped);
    json_decref(all);
    json_decref(arms);
    json_decref(facts);
    json_decref(findings);
    return dumped != NULL && text_ok(out) ? 0 : ERROR_MEMORY;
}

static int64_t number_of(const json_t *object, const char *key)
{
    int64_t value = json_integer_value(json_object_get(object, key));
    return value > 0 ? value : 0;
}

/* Shares and how long a turn takes are known from other nights; the rest is of one that goes on. */
static bool read_arm(struct night_arm *a, const json_t *from, bool goes_on)
{
    double score = json_number_value(json_object_get(from, "score"));
    a->score = score > 0 ? score : 0;
    a->longest = (uint64_t)number_of(from, "longest");
    if (!goes_on)
        return true;
    a->turns = (uint64_t)number_of(from, "turns");
    a->nanoseconds = (uint64_t)number_of(from, "ns");
    a->experiments = number_of(from, "experiments");
    a->faults = number_of(from, "faults");
    a->schedules = number_of(from, "schedules");
    a->findings = number_of(from, "findings");
    a->news = number_of(from, "news");
    a->every = (uint64_t)number_of(from, "every");
    a->every += a->every == 0;
    const json_t *recoveries = json_object_get(from, "recoveries");
    size_t count = json_array_size(recoveries);
    for (size_t i = 0; i < count && i < NIGHT_RECOVERIES_MAX; i++)
        if (!array_push(&a->recoveries, json_integer_value(json_array_get(recoveries, i))))
            return false;
    return true;
}

static bool read_findings(struct night *n, const json_t *list, bool goes_on)
{
    size_t i;
    json_t *from;
    json_array_foreach(list, i, from)
    {
        struct night_finding f = {.key = strdup(text_of(from, "key")),
                                  .title = strdup(text_of(from, "title")),
                                  .replay = strdup(text_of(from, "replay")),
                                  .arm = strdup(text_of(from, "arm")),
                                  .times = goes_on ? number_of(from, "times") : 0,
                                  .new = goes_on &&json_is_true(json_object_get(from, "new"))};
        if (f.key == NULL || f.title == NULL || f.replay == NULL || f.arm == NULL || i == NIGHT_FINDINGS_MAX ||
            !array_push(&n->findings, f)) {
            finding_deinit(&f);
            return i == NIGHT_FINDINGS_MAX;
        }
    }
    return true;
}

int night_read(struct night *n, struct bytes content, const char *path, struct error *err)
{
    json_error_t where;
    json_t *all = json_loadb((const char *)content.data, content.len, JSON_REJECT_DUPLICATES, &where);
    if (all == NULL || json_integer_value(json_object_get(all, "nightly")) != FORM) {
        int code = error_set(err, ERROR_INVALID, "%s is no file of a night's: %s", path,
                             all == NULL ? where.text : "it has no \"nightly\": 1");
        json_decref(all);
        return code;
    }
    bool goes_on = !json_is_true(json_object_get(all, "ended")), ok = true;
    n->spent = goes_on ? (uint64_t)number_of(all, "spent") : 0;
    for (size_t i = 0; ok && i < n->arms.count; i++)
        ok = read_arm(&n->arms.items[i], json_object_get(json_object_get(all, "arms"), n->arms.items[i].name), goes_on);
    ok = ok && read_findings(n, json_object_get(all, "findings"), goes_on);
    const json_t *facts = json_object_get(all, "facts");
    for (size_t i = 0; ok && i < json_array_size(facts) && i < NIGHT_FACTS_MAX; i++) {
        const char *hex = json_string_value(json_array_get(facts, i));
        ok = hex == NULL || features_add(&n->facts, strtoull(hex, NULL, 16), NIGHT_FACTS_MAX) != FEATURE_NONE;
    }
    json_decref(all);
    return ok ? 0 : no_memory(err);
}
