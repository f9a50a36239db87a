/* Search: words are looked up, what they lead to is read and judged, and the best of it is the answer. */
#include "runtime/services/backend/search.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define FOUND_MAX 1000  /* records in an answer: the best */
#define LOOK_MAX  20000 /* places that one word of a query has at most */

/* A word of the query that its matches must have is looked up: then only its records are read. */
static size_t count_words(const struct search_query *q)
{
    switch (q->kind) {
    case SEARCH_AND:
    case SEARCH_OR:
        return count_words(q->left) + count_words(q->right);
    case SEARCH_WORD:
        return 1;
    case SEARCH_NOT: /* who does not have a word is not found by it */
    case SEARCH_COMPARE:
        return 0;
    }
    return 0;
}

static bool look_ups(struct search_work *w, const struct search_query *q)
{
    if (q->kind == SEARCH_AND || q->kind == SEARCH_OR)
        return look_ups(w, q->left) && look_ups(w, q->right);
    if (q->kind != SEARCH_WORD)
        return true;
    struct backend_op *op = &w->ops[w->op_count++];
    *op = (struct backend_op){
        .kind = OP_READ,
        .prefix = true,
        .limit = LOOK_MAX + 1,
        .key = arena_printf(search_memory(w), "word:%s/%s%s", w->index.generation, q->word, q->begins ? "" : "/")};
    return op->key != NULL;
}

/* Keys of records, sorted, each once. */
struct keys {
    char **items;
    size_t count;
    bool all; /* of the index: nothing narrows it */
};

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void sort(struct keys *k)
{
    size_t kept = 0;
    if (k->count)
        qsort(k->items, k->count, sizeof *k->items, by_text);
    for (size_t i = 0; i < k->count; i++)
        if (kept == 0 || strcmp(k->items[kept - 1], k->items[i]) != 0)
            k->items[kept++] = k->items[i];
    k->count = kept;
}

/* "word:<generation>/<word>/<id>/<version>" is of "record:<generation>/<id>". */
static bool take_keys(struct search_work *w, const struct backend_op *op, struct keys *out)
{
    out->items = ARENA_NEW_N(search_memory(w), char *, op->count + 1);
    for (size_t i = 0; out->items && i < op->count; i++) {
        const char *key = op->found[i].key, *word = strchr(key, '/'), *id = word ? strchr(word + 1, '/') : NULL;
        const char *version = id ? strchr(id + 1, '/') : NULL;
        if (!version)
            continue;
        char *record =
            arena_printf(search_memory(w), "record:%s/%.*s", w->index.generation, (int)(version - id - 1), id + 1);
        if (!record)
            return false;
        out->items[out->count++] = record;
    }
    sort(out);
    return out->items != NULL;
}

static bool has(const struct keys *k, char *key)
{
    return k->count && bsearch(&key, k->items, k->count, sizeof key, by_text);
}

/* False: no memory. `op` moves behind the look-ups of `q`. */
static bool narrow(struct search_work *w, struct search_query *q, size_t *op, struct keys *out)
{
    *out = (struct keys){.all = true};
    if (q->kind == SEARCH_WORD) {
        out->all = false;
        if (!take_keys(w, &w->ops[(*op)++], out))
            return false;
        q->found = out->count;
    } else if (q->kind == SEARCH_AND || q->kind == SEARCH_OR) {
        struct keys a, b;
        if (!narrow(w, q->left, op, &a) || !narrow(w, q->right, op, &b))
            return false;
        if (a.all || b.all) {
            *out = q->kind == SEARCH_OR ? (struct keys){.all = true} : a.all ? b : a;
            return true;
        }
        *out = (struct keys){.items = ARENA_NEW_N(search_memory(w), char *, a.count + b.count + 1)};
        if (!out->items)
            return false;
        for (size_t i = 0; i < a.count; i++)
            if (q->kind == SEARCH_OR || has(&b, a.items[i]))
                out->items[out->count++] = a.items[i];
        for (size_t i = 0; q->kind == SEARCH_OR && i < b.count; i++)
            out->items[out->count++] = b.items[i];
        sort(out);
    }
    return true;
}

static int by_score(const void *a, const void *b)
{
    const struct search_hit *x = a, *y = b;
    return x->score > y->score ? -1 : x->score < y->score ? 1 : strcmp(x->record.id, y->record.id);
}

static void answer(struct search_work *w)
{
    Search__SearchResponse reply = SEARCH__SEARCH_RESPONSE__INIT;
    if (w->hit_count)
        qsort(w->hits, w->hit_count, sizeof *w->hits, by_score);
    size_t n = w->hit_count < FOUND_MAX ? w->hit_count : FOUND_MAX;
    Search__Record *records = ARENA_NEW_N(search_memory(w), Search__Record, n + 1);
    reply.records = ARENA_NEW_N(search_memory(w), Search__Record *, n + 1);
    for (size_t i = 0; records && reply.records && i < n; i++) {
        search__record__init(&records[i]);
        records[i].id = w->hits[i].record.id;
        records[i].data = search_data(w, w->hits[i].record.data);
        if (!records[i].data)
            break;
        reply.records[reply.n_records++] = &records[i];
    }
    if (reply.n_records == n && reply.records)
        rpc_call_reply(w->task.call, &reply.base);
    else
        task_no_memory(&w->task);
}

/* False: the call was failed. */
static bool judge(struct search_work *w, const struct backend_found *f)
{
    struct search_hit hit = {.score = 0};
    struct search_words words = {0};
    if (!backend_decode(search_memory(w), search_shape.fields, search_shape.count, f->value, &hit.record)) {
        micro_fail(w->task.call, 500, w->task.id, "%s", search_shape.damaged);
        return false;
    }
    json_t *data = json_loads(hit.record.data, JSON_REJECT_DUPLICATES, NULL);
    bool ok = data && search_words_of(search_memory(w), &words, data),
         is = ok && search_matches(w->query, data, &words, &hit.score);
    json_decref(data);
    if (is && w->hit_count == w->hit_room) {
        size_t room = w->hit_room ? 2 * w->hit_room : 64;
        struct search_hit *hits = ARENA_NEW_N(search_memory(w), struct search_hit, room);
        if (hits && w->hit_count)
            memcpy(hits, w->hits, w->hit_count * sizeof *hits);
        w->hits = hits;
        w->hit_room = room;
        ok = hits != NULL;
    }
    if (!ok)
        task_no_memory(&w->task);
    else if (is)
        w->hits[w->hit_count++] = hit;
    return ok;
}

/* ---- the candidates ---- */

static void read_candidates(struct search_work *w);

static void candidates_read(struct task *t, const struct backend_answer *a)
{
    struct search_work *w = (struct search_work *)t;
    if (task_failed(t, a, 500))
        return;
    for (size_t i = 0; i < w->op_count; i++)
        if (w->ops[i].count && !judge(w, &w->ops[i].found[0]))
            return;
    read_candidates(w);
}

static void read_candidates(struct search_work *w)
{
    size_t left = w->candidate_count - w->at, n = left < SEARCH_PAGE ? left : SEARCH_PAGE;
    if (n == 0) {
        answer(w);
        return;
    }
    w->ops = ARENA_NEW_N(search_memory(w), struct backend_op, n);
    w->op_count = n;
    if (!w->ops) {
        task_no_memory(&w->task);
        return;
    }
    for (size_t i = 0; i < n; i++)
        w->ops[i] = (struct backend_op){.kind = OP_READ, .key = w->candidates[w->at + i]};
    w->at += n;
    task_batch(&w->task, SEARCH_TABLE, w->ops, n, candidates_read);
}

/* ---- all of the index ---- */

static bool each(struct task *t, const struct backend_found *f)
{
    struct search_work *w = (struct search_work *)t;
    if (f)
        return judge(w, f);
    w->hit_count = 0;
    return true;
}

static void all_read(struct task *t, const struct backend_answer *a)
{
    (void)a; /* a scan that failed has failed the call */
    answer((struct search_work *)t);
}

static void read_all(struct search_work *w)
{
    char *prefix = arena_printf(search_memory(w), "record:%s/", w->index.generation);
    if (prefix)
        task_scan(&w->task, SEARCH_TABLE, prefix, each, all_read);
    else
        task_no_memory(&w->task);
}

/* ------------------------------------------------------------------------------------------------------------------ */

static void looked_up(struct task *t, const struct backend_answer *a)
{
    struct search_work *w = (struct search_work *)t;
    struct keys keys;
    size_t op = 0;
    if (task_failed(t, a, 500))
        return;
    for (size_t i = 0; i < w->op_count; i++)
        if (w->ops[i].count > LOOK_MAX) {
            micro_fail(t->call, 400, t->id, "a word of the query is in more than %d places: ask for a rarer one",
                       LOOK_MAX);
            return;
        }
    if (!narrow(w, w->query, &op, &keys)) {
        task_no_memory(t);
        return;
    }
    w->candidates = keys.all ? NULL : keys.items;
    w->candidate_count = keys.count;
    if (keys.all)
        read_all(w);
    else
        read_candidates(w);
}

static void search_found(struct search_work *w)
{
    size_t n = count_words(w->query);
    w->ops = ARENA_NEW_N(search_memory(w), struct backend_op, n + 1);
    if (w->ops && look_ups(w, w->query))
        task_batch(&w->task, SEARCH_TABLE, w->ops, n, looked_up);
    else
        task_no_memory(&w->task);
}

void search_find(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    static const char id[] = "search.Search.Search";
    const Search__SearchRequest *r = (const Search__SearchRequest *)(const void *)message;
    struct search_work *w = search_with(call, context, id, r->index);
    struct error err = ERROR_INIT;
    if (!w)
        return;
    int rc = search_parse(search_memory(w), r->query, &w->query, &err);
    if (rc)
        micro_fail(call, rc == ERROR_MEMORY ? 507 : 400, id, "%s", err.message ? err.message : "out of memory");
    error_clear(&err);
    if (rc)
        return;
    w->found = search_found;
    search_begin(w);
}
