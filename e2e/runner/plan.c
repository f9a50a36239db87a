#include "e2e/runner/plan.h"

#include "base/random.h"
#include "base/units.h"
#include "e2e/kind.h"
#include "e2e/runner/shard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- which ---- */

static bool has_tag(const struct flow *f, const char *tag, size_t len)
{
    for (size_t i = 0; f->tags != NULL && i < f->tags->list.count; i++)
        if (f->tags->list.items[i].text.len == len && memcmp(f->tags->list.items[i].text.data, tag, len) == 0)
            return true;
    return false;
}

/* "smoke,!slow": one of the tags, and none of those behind a "!". */
static bool tags_take(const struct flow *f, const char *wanted)
{
    bool any_wanted = false, found = false;
    for (const char *p = wanted; p != NULL && *p != '\0';) {
        size_t len = strcspn(p, ",");
        bool without = *p == '!';
        if (without && has_tag(f, p + 1, len - 1))
            return false;
        any_wanted = any_wanted || (!without && len > 0);
        found = found || (!without && has_tag(f, p, len));
        p += len + (p[len] == ',');
    }
    return found || !any_wanted;
}

static char *case_name(const struct e2e_options *o, const struct unit *u, int repeat)
{
    struct text name = TEXT_INIT;
    text_puts(&name, u->what == UNIT_FLOW ? u->flow->name : u->what == UNIT_SETUP ? "setup" : "teardown");
    if (u->row != NULL || u->inline_row != NULL) {
        const struct node *n = u->inline_row != NULL ? node_get(u->inline_row, "case") : NULL;
        const char *own = n != NULL ? (const char *)n->text.data : json_string_value(json_object_get(u->row, "case"));
        if (own != NULL)
            text_printf(&name, " [%s]", own);
        else
            text_printf(&name, " [%zu]", u->number + 1);
    }
    /* A folder's setup is done in every shard: none hides another's failure when they are one report. */
    if (u->what != UNIT_FLOW && u->flow->file->fixtures != NULL && o->shards > 1)
        text_printf(&name, " (shard %zu/%zu)", o->shard, o->shards);
    if (repeat > 0)
        text_printf(&name, " (run %d)", repeat + 1);
    char *taken = text_ok(&name) ? text_take(&name) : NULL;
    text_deinit(&name);
    return taken;
}

static void drop(struct unit *u)
{
    free(u->name);
    free(u->filter);
    u->name = u->filter = NULL;
}

static json_t *earlier(const struct e2e_options *o, const struct unit *u)
{
    return o->past != NULL && o->past->lines != NULL ? o->past->lines(o->past->arg, u->flow->path, u->name) : NULL;
}

struct planning {
    const struct target *target;
    const struct e2e_options *options;
    int repeat;
    struct plan *plan;
    ARRAY(struct unit) picked;
};

static bool pick(struct planning *g, struct unit u)
{
    const struct e2e_options *o = g->options;
    u.name = case_name(o, &u, g->repeat);
    u.filter = case_name(o, &u, 0);
    u.skipped = u.flow->commands && o->simulated;
    bool ok = u.name != NULL && u.filter != NULL;
    bool wanted = ok && (o->filter == NULL || strstr(u.filter, o->filter) != NULL);
    if (wanted)
        u.earlier = earlier(o, &u);
    if (wanted && array_push(&g->picked, u))
        return true;
    drop(&u);
    return ok && !wanted;
}

static bool pick_rows(struct planning *g, const struct flow *f, struct suite *suite)
{
    struct unit u = {.what = UNIT_FLOW, .flow = f, .suite = suite};
    bool ok = true;
    if (f->cases == NULL)
        return pick(g, u);
    size_t count = f->rows != NULL ? json_array_size(f->rows) : f->cases->list.count;
    for (; u.number < count && ok; u.number++) {
        u.row = f->rows != NULL ? json_array_get(f->rows, u.number) : NULL;
        u.inline_row = f->rows == NULL ? &f->cases->list.items[u.number] : NULL;
        ok = pick(g, u);
    }
    return ok;
}

/* ---- what files and folders share ---- */

static bool has_fixture(const struct flow *f)
{
    return f->file->setup != NULL || f->file->teardown != NULL;
}

/* Of the file `f` lies in, or of the nearest folder around it that has any; *out NULL: none. */
static bool suite_of(struct plan *p, const struct flow *f, struct suite **out)
{
    *out = NULL;
    while (f != NULL && !has_fixture(f))
        f = f->file->around;
    if (f == NULL)
        return true;
    for (size_t i = 0; i < p->suites.count; i++)
        if (strcmp(p->suites.items[i]->flow->path, f->path) == 0) {
            *out = p->suites.items[i];
            return true;
        }
    struct suite *around, *s = NULL;
    if (!suite_of(p, f->file->around, &around) || (s = calloc(1, sizeof *s)) == NULL || !array_push(&p->suites, s)) {
        free(s);
        return false;
    }
    *s = (struct suite){.around = around, .flow = f, .ready = f->file->setup == NULL};
    *out = s;
    return true;
}

/* ---- in which order ---- */

static size_t file_end(const struct flow_list *flows, size_t first)
{
    size_t end = first + 1;
    while (end < flows->count && flows->items[end]->file == flows->items[first]->file)
        end++;
    return end;
}

/* Another order of files, and of flows within each. */
static bool shuffled(const struct flow_list *flows, uint64_t seed, int repeat, struct flow_list *out)
{
    struct random base, own;
    char purpose[32];
    ARRAY(size_t) files = {0};
    random_seed(&base, seed);
    snprintf(purpose, sizeof purpose, "order %d", repeat);
    random_fork(&base, purpose, &own);
    bool ok = (out->items = malloc((flows->count + 1) * sizeof *out->items)) != NULL;
    for (size_t i = 0; i < flows->count && ok; i = file_end(flows, i))
        ok = array_push(&files, i);
    for (size_t i = files.count; ok && i > 1; i--) {
        size_t k = random_below(&own, i), kept = files.items[i - 1];
        files.items[i - 1] = files.items[k];
        files.items[k] = kept;
    }
    for (size_t n = 0; ok && n < files.count; n++) {
        size_t first = files.items[n], count = file_end(flows, first) - first;
        memcpy(out->items + out->count, flows->items + first, count * sizeof *out->items);
        for (size_t i = count; i > 1; i--) {
            size_t k = random_below(&own, i);
            struct flow *kept = out->items[out->count + i - 1];
            out->items[out->count + i - 1] = out->items[out->count + k];
            out->items[out->count + k] = kept;
        }
        out->count += count;
    }
    array_deinit(&files);
    return ok;
}

static bool pick_all(struct planning *g, const struct flow_list *flows)
{
    struct flow_list order = {0};
    bool ok = true;
    if (g->options->shuffle) {
        ok = shuffled(flows, g->target->seed, g->repeat, &order);
        flows = &order;
    }
    for (size_t i = 0; i < flows->count && ok; i++) {
        struct suite *suite = NULL;
        const struct flow *f = flows->items[i];
        if (f->params == NULL && tags_take(f, g->options->tags))
            ok = suite_of(g->plan, f, &suite) && pick_rows(g, f, suite);
    }
    free(order.items);
    return ok;
}

/* ---- of which this shard has a part ---- */

/* What goes to one shard as a whole: one row, or all of a file that has a setup or a teardown. */
struct lump {
    const struct unit *first;
    uint64_t weight;
};

/* By where they stand, so that --shuffle changes nothing. */
static int by_place(const void *a, const void *b)
{
    const struct unit *u = *(struct unit *const *)a, *v = *(struct unit *const *)b;
    int order = strcmp(u->flow->path, v->flow->path);
    if (order == 0)
        order = (u->flow->line > v->flow->line) - (u->flow->line < v->flow->line);
    return order != 0 ? order : (u->number > v->number) - (u->number < v->number);
}

static uint64_t past_duration(const struct e2e_options *o, const struct flow *f, const char *name)
{
    return o->past != NULL && o->past->duration != NULL ? o->past->duration(o->past->arg, f->path, name) : 0;
}

static bool same_lump(const struct unit *a, const struct unit *b)
{
    return a != NULL && a->flow->file == b->flow->file && has_fixture(a->flow);
}

static void say_share(struct planning *g, const struct lump *lumps, size_t count, const size_t *parts, bool timed)
{
    const struct e2e_options *o = g->options;
    uint64_t own = 0, sum = 0, most = 0;
    size_t longest = 0;
    struct text *out = &g->plan->remark;
    for (size_t i = 0; i < count; i++) {
        sum += lumps[i].weight;
        own += parts[i] == o->shard - 1 ? lumps[i].weight : 0;
        longest = lumps[i].weight > most ? i : longest;
        most = lumps[i].weight > most ? lumps[i].weight : most;
    }
    char mine[32], all[32], one[32];
    units_format_duration((int64_t)own, mine, sizeof mine);
    units_format_duration((int64_t)sum, all, sizeof all);
    units_format_duration((int64_t)most, one, sizeof one);
    text_printf(out, "shard %zu/%zu: %zu of %zu flows", o->shard, o->shards, g->plan->units.count, g->picked.count);
    if (timed)
        text_printf(out, ", %s of %s by the history", mine, all);
    if (timed && most * o->shards > sum && count > 1)
        text_printf(out, "; %s%s takes %s, more than a shard's share: the shards cannot be equal",
                    same_lump(lumps[longest].first, lumps[longest].first) ? "the file of " : "",
                    lumps[longest].first->name, one);
}

/* Leaves out what other shards run: moves the rest from `picked` to the plan's units, in order. */
static bool take_part(struct planning *g, const size_t *lump_of, const size_t *parts)
{
    if (!array_reserve(&g->plan->units, g->picked.count))
        return false;
    for (size_t i = 0; i < g->picked.count; i++) {
        struct unit *u = &g->picked.items[i];
        if (parts != NULL && parts[lump_of[i]] != g->options->shard - 1)
            continue;
        g->plan->units.items[g->plan->units.count++] = *u;
        u->name = u->filter = NULL;
    }
    return true;
}

static bool divide(struct planning *g)
{
    size_t count = g->picked.count, known = 0, lump_count = 0;
    struct unit **sorted = malloc((count + 1) * sizeof *sorted);
    struct lump *lumps = calloc(count + 1, sizeof *lumps);
    size_t *lump_of = calloc(count + 1, sizeof *lump_of), *parts = calloc(count + 1, sizeof *parts);
    uint64_t *weights = calloc(count + 1, sizeof *weights), sum = 0;
    bool ok = sorted != NULL && lumps != NULL && lump_of != NULL && parts != NULL && weights != NULL;
    for (size_t i = 0; ok && i < count; i++)
        sorted[i] = &g->picked.items[i];
    if (ok)
        qsort(sorted, count, sizeof *sorted, by_place);
    for (size_t i = 0; ok && i < count; i++) {
        const struct flow *f = sorted[i]->flow;
        weights[i] = past_duration(g->options, f, sorted[i]->name);
        if (weights[i] == 0)
            weights[i] = past_duration(g->options, f, sorted[i]->filter);
        known += weights[i] != 0;
        sum += weights[i];
    }
    const struct unit *last = NULL;
    for (size_t i = 0; ok && i < count; i++) { /* what is not known takes as long as the others do */
        const struct flow *f = sorted[i]->flow;
        bool same = same_lump(last, sorted[i]);
        if (!same)
            lumps[lump_count++].first = sorted[i];
        struct lump *l = &lumps[lump_count - 1];
        l->weight += weights[i] != 0 ? weights[i] : known != 0 ? sum / known : 1;
        if (!same && has_fixture(f))
            l->weight += past_duration(g->options, f, "setup") + past_duration(g->options, f, "teardown");
        lump_of[sorted[i] - g->picked.items] = lump_count - 1;
        last = sorted[i];
    }
    for (size_t i = 0; ok && i < lump_count; i++)
        weights[i] = lumps[i].weight;
    ok = ok && shard_divide(weights, lump_count, g->options->shards, parts) && take_part(g, lump_of, parts);
    if (ok)
        say_share(g, lumps, lump_count, parts, known != 0);
    free(sorted);
    free(lumps);
    free(lump_of);
    free(parts);
    free(weights);
    return ok;
}

/* ---- what comes before and after ---- */

static bool add_fixture(struct planning *g, struct suite *s, bool setup, bool again)
{
    struct unit u = {.what = setup ? UNIT_SETUP : UNIT_TEARDOWN, .flow = s->flow, .suite = s};
    u.name = case_name(g->options, &u, g->repeat);
    u.filter = strdup(g->options->filter != NULL ? g->options->filter : "");
    u.skipped = s->flow->commands && g->options->simulated;
    u.earlier = u.name != NULL && !again ? earlier(g->options, &u) : NULL;
    if (u.name != NULL && u.filter != NULL && array_push(&g->plan->units, u))
        return true;
    drop(&u);
    return false;
}

static bool open_suite(struct planning *g, struct suite *s)
{
    if (s == NULL || s->open)
        return true;
    s->open = true;
    return open_suite(g, s->around) && (s->flow->file->setup == NULL || add_fixture(g, s, true, s->failed));
}

/* A suite's setup stands before the first that is inside, its teardown behind the last. */
static bool surround(struct planning *g)
{
    ARRAY(struct unit) flows = {0};
    bool ok = true;
    flows.items = g->plan->units.items;
    flows.count = g->plan->units.count;
    memset(&g->plan->units, 0, sizeof g->plan->units);
    for (size_t i = 0; i < flows.count; i++)
        for (struct suite *s = flows.items[i].suite; s != NULL; s = s->around) {
            s->left++;
            s->failed = s->failed || flows.items[i].earlier == NULL; /* meanwhile: something inside runs anew */
        }
    size_t i = 0;
    for (; i < flows.count && ok; i++) {
        struct unit *u = &flows.items[i];
        ok = open_suite(g, u->suite) && array_push(&g->plan->units, *u);
        if (!ok)
            break;
        for (struct suite *s = u->suite; s != NULL && ok; s = s->around)
            if (--s->left == 0 && s->flow->file->teardown != NULL)
                ok = add_fixture(g, s, false, s->failed);
    }
    for (; i < flows.count; i++)
        if (!ok)
            drop(&flows.items[i]);
    for (size_t k = 0; k < g->plan->suites.count; k++)
        g->plan->suites.items[k]->failed = false;
    for (size_t k = 0; k < g->plan->units.count; k++) {
        const struct unit *u = &g->plan->units.items[k];
        struct suite *s = u->what == UNIT_FLOW ? u->suite : u->suite->around;
        for (; s != NULL; s = s->around)
            s->left++;
    }
    array_deinit(&flows);
    return ok;
}

int plan_make(struct plan *p, const struct target *t, const struct flow_list *flows, const struct e2e_options *options,
              int repeat, struct error *err)
{
    struct planning g = {.target = t, .options = options, .repeat = repeat, .plan = p};
    bool ok = pick_all(&g, flows) && (options->shards > 1 ? divide(&g) : take_part(&g, NULL, NULL)) && surround(&g);
    for (size_t i = 0; i < g.picked.count; i++) /* what was moved on has no name any more */
        drop(&g.picked.items[i]);
    array_deinit(&g.picked);
    return ok && text_ok(&p->remark) ? 0 : error_set(err, ERROR_MEMORY, "out of memory");
}

void plan_clear(struct plan *p)
{
    for (size_t i = 0; i < p->units.count; i++)
        drop(&p->units.items[i]);
    for (size_t i = 0; i < p->suites.count; i++) {
        json_decref(p->suites.items[i]->variables);
        free(p->suites.items[i]);
    }
    array_deinit(&p->units);
    array_deinit(&p->suites);
    text_deinit(&p->remark);
}

int plan_nothing(const struct e2e_options *o, struct error *err)
{
    if (o->filter != NULL)
        return error_set(err, ERROR_INVALID, "no flow's name contains \"%s\"", o->filter);
    if (o->tags != NULL)
        return error_set(err, ERROR_INVALID, "no flow has the tags \"%s\"", o->tags);
    return 0;
}
