/* Articles that answer what many ask, and how they are found.
 *
 * Table "support": "article:<locale>/<slug>" is an article; "word:<locale>/<word>/<slug>/<version>" says that it has
 * the word. Each PutArticle has a version of its own: its words are written first, then the article, on the condition
 * that nobody else changed it, and then the words of the version before are taken away. So an article is found by what
 * it was until it is found by what it is; what a crash leaves are words that lead to no article of their version. */
#include "runtime/services/backend/search_query.h"
#include "runtime/services/backend/support.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define SLUG_MAX    100
#define TITLE_MAX   200
#define BODY_MAX    100000
#define QUERY_MAX   200
#define LOCALE_MAX  35
#define LIMIT       10
#define LIMIT_MAX   50
#define PLACES_MAX  1000 /* articles of a word that are looked at */
#define QUERY_WORDS 20   /* of a query; further ones do not count */
#define TRIES       5
#define TITLE       4.0 /* a word of the title counts as much as so many of the body */

struct article {
    char *slug, *title, *body, *locale, *version;
    bool published;
};
static const struct backend_field fields[] = {
    BACKEND_FIELD(struct article, slug, FIELD_TEXT),    BACKEND_FIELD(struct article, title, FIELD_TEXT),
    BACKEND_FIELD(struct article, body, FIELD_TEXT),    BACKEND_FIELD(struct article, locale, FIELD_TEXT),
    BACKEND_FIELD(struct article, version, FIELD_TEXT), BACKEND_FIELD(struct article, published, FIELD_BOOL),
};
static const struct backend_shape shape = {SUPPORT_TABLE, "what the store holds under this slug is no article", fields,
                                           sizeof fields / sizeof *fields};

struct candidate {
    const char *slug /* as part of a key */, *version;
    double score;
};

struct article_work {
    struct task task;
    bool agent;
    const char *locale;
    char *key;
    struct article article, before;
    struct search_words words, old; /* of both; those of the title come first */
    size_t of_title;
    uint64_t revision;
    int tries;
    /* SearchArticles */
    struct backend_op *ops;
    size_t op_count, limit, at;
    struct candidate *candidates;
    size_t candidate_count;
    Support__SearchArticlesResponse reply;
};

static struct article_work *article_work(struct rpc_call *call, void *context, const char *id, const char *locale)
{
    const struct micro_account *caller = backend_caller(call, id);
    struct article_work *w = caller ? task_new(sizeof *w, context, call, id) : NULL;
    if (!w)
        return NULL;
    w->agent = support_is_agent(caller);
    w->locale = locale[0] ? locale : "en";
    for (const char *p = w->locale; *p; p++)
        if ((!isalnum((unsigned char)*p) && *p != '-') || p - w->locale >= LOCALE_MAX) {
            task_fail(&w->task, 400, "a locale is a tag such as \"en\" or \"pt-BR\"");
            return NULL;
        }
    return w;
}

/* ---- PutArticle -------------------------------------------------------------------------------------------------- */

static struct backend_op *word_ops(struct article_work *w, enum backend_op_kind kind, const struct search_words *words,
                                   const char *version)
{
    struct arena *m = w->task.memory;
    struct backend_op *ops = ARENA_NEW_N(m, struct backend_op, words->count + 1);
    for (size_t i = 0; ops && i < words->count; i++) {
        ops[i] = (struct backend_op){
            .kind = kind,
            .json = i < w->of_title ? "1" : "0",
            .key = arena_printf(m, "word:%s/%s/%s/%s", w->locale, words->items[i].word, w->article.slug, version)};
        if (!ops[i].key)
            return NULL;
    }
    return ops;
}

static void put_done(struct task *t, const struct backend_answer *a)
{
    static const Support__PutArticleResponse empty = SUPPORT__PUT_ARTICLE_RESPONSE__INIT;
    (void)a; /* words that could not be taken away lead nowhere */
    rpc_call_reply(t->call, &empty.base);
}

static void put_read(struct task *t, const struct backend_answer *a);

static void put_saved(struct task *t, const struct backend_answer *a)
{
    struct article_work *w = (struct article_work *)t;
    if (a->status == GRPC_FAILED_PRECONDITION) {
        if (++w->tries < TRIES)
            task_read(t, SUPPORT_TABLE, w->key, false, put_read);
        else
            task_fail(t, 409, "the article is being changed; try again");
        return;
    }
    if (task_failed(t, a, 500))
        return;
    bool ok = w->revision && search_words_add(t->memory, &w->old, w->before.title) &&
              search_words_add(t->memory, &w->old, w->before.body);
    struct backend_op *ops = ok ? word_ops(w, OP_DELETE, &w->old, w->before.version) : NULL;
    if (ops)
        task_batch(t, SUPPORT_TABLE, ops, w->old.count, put_done);
    else
        put_done(t, a);
}

static void put_words_written(struct task *t, const struct backend_answer *a)
{
    struct article_work *w = (struct article_work *)t;
    if (!task_failed(t, a, 500))
        task_save(t, &shape, w->key, &w->article, w->revision, put_saved);
}

static void put_read(struct task *t, const struct backend_answer *a)
{
    struct article_work *w = (struct article_work *)t;
    if (!task_take(t, &shape, a, &w->before, &w->revision))
        return;
    struct backend_op *ops = word_ops(w, OP_WRITE, &w->words, w->article.version);
    if (ops)
        task_batch(t, SUPPORT_TABLE, ops, w->words.count, put_words_written);
    else
        task_no_memory(t);
}

static bool is_slug(const char *slug)
{
    size_t len = strlen(slug);
    for (size_t i = 0; i < len; i++)
        if (!isalnum((unsigned char)slug[i]) && slug[i] != '-')
            return false;
    return len >= 1 && len <= SLUG_MAX;
}

void support_put_article(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    static const char id[] = "support.Support.PutArticle";
    const Support__Article *given = ((const Support__PutArticleRequest *)(const void *)message)->article;
    struct article_work *w = article_work(call, context, id, given ? given->locale : "");
    if (!w)
        return;
    struct arena *m = w->task.memory;
    if (!w->agent) {
        task_fail(&w->task, 403, "only agents may do that");
        return;
    }
    if (!given || !is_slug(given->slug)) {
        task_fail(&w->task, 400, "an article has a slug of 1 to %d letters, digits and \"-\"", SLUG_MAX);
        return;
    }
    if (!backend_check_text(call, id, "a title", given->title, 1, TITLE_MAX) ||
        !backend_check_text(call, id, "a body", given->body, 1, BODY_MAX))
        return;
    w->article = (struct article){.slug = given->slug,
                                  .title = given->title,
                                  .body = given->body,
                                  .locale = arena_string(m, w->locale),
                                  .version = backend_token(w->task.backend, m, 12),
                                  .published = given->published};
    bool ok = search_words_add(m, &w->words, given->title);
    w->of_title = w->words.count;
    ok = ok && search_words_add(m, &w->words, given->body); /* of too many different ones the first count */
    w->key = arena_printf(m, "article:%s/%s", w->locale, given->slug);
    if (ok && w->key && w->article.locale && w->article.version)
        task_read(&w->task, SUPPORT_TABLE, w->key, false, put_read);
    else
        task_no_memory(&w->task);
}

/* ---- SearchArticles ---------------------------------------------------------------------------------------------- */

static int by_score(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    return x->score > y->score ? -1 : x->score < y->score ? 1 : strcmp(x->slug, y->slug);
}

static int by_slug(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    int order = strcmp(x->slug, y->slug);
    return order ? order : strcmp(x->version, y->version);
}

static void read_more(struct article_work *w);

static void articles_read(struct task *t, const struct backend_answer *a)
{
    struct article_work *w = (struct article_work *)t;
    if (task_failed(t, a, 500))
        return;
    for (size_t i = 0; i < w->op_count && w->reply.n_articles < w->limit; i++) {
        struct article article = {0};
        const struct candidate *c = &w->candidates[w->at - w->op_count + i];
        if (w->ops[i].count == 0)
            continue;
        if (!backend_decode(t->memory, fields, shape.count, w->ops[i].found[0].value, &article)) {
            task_fail(t, 500, "%s", shape.damaged);
            return;
        }
        Support__Article *out = ARENA_NEW(t->memory, Support__Article);
        if (!out) {
            task_no_memory(t);
            return;
        }
        if (strcmp(article.version, c->version) != 0 || (!article.published && !w->agent))
            continue;
        support__article__init(out);
        out->slug = article.slug;
        out->title = article.title;
        out->body = article.body;
        out->locale = article.locale;
        out->published = article.published;
        w->reply.articles[w->reply.n_articles++] = out;
    }
    read_more(w);
}

/* As many of the best as are wanted, and more when some are not what they were, or not for everybody. */
static void read_more(struct article_work *w)
{
    struct task *t = &w->task;
    size_t left = w->candidate_count - w->at, n = left < w->limit ? left : w->limit;
    if (n == 0 || w->reply.n_articles == w->limit) {
        rpc_call_reply(t->call, &w->reply.base);
        return;
    }
    w->ops = ARENA_NEW_N(t->memory, struct backend_op, n);
    for (size_t i = 0; w->ops && i < n; i++) {
        w->ops[i] = (struct backend_op){
            .kind = OP_READ, .key = arena_printf(t->memory, "article:%s/%s", w->locale, w->candidates[w->at + i].slug)};
        if (!w->ops[i].key)
            w->ops = NULL;
    }
    w->op_count = n;
    w->at += n;
    if (w->ops)
        task_batch(t, SUPPORT_TABLE, w->ops, n, articles_read);
    else
        task_no_memory(t);
}

/* "word:<locale>/<word>/<slug>/<version>": a word counts the more, the fewer articles have it. */
static bool add_places(struct article_work *w, const struct backend_op *op)
{
    struct arena *m = w->task.memory;
    size_t skipped = strlen(op->key);
    for (size_t i = 0; i < op->count; i++) {
        const char *slug = op->found[i].key + skipped, *slash = strchr(slug, '/');
        struct candidate *c = &w->candidates[w->candidate_count];
        if (!slash)
            continue;
        bool title = op->found[i].value.len && op->found[i].value.data[0] == '1';
        *c = (struct candidate){arena_string_n(m, slug, (size_t)(slash - slug)), arena_string(m, slash + 1),
                                (title ? TITLE : 1.0) / (double)op->count};
        if (!c->slug || !c->version)
            return false;
        w->candidate_count++;
    }
    return true;
}

static void places_read(struct task *t, const struct backend_answer *a)
{
    struct article_work *w = (struct article_work *)t;
    size_t all = 0, kept = 0;
    if (task_failed(t, a, 500))
        return;
    for (size_t i = 0; i < w->op_count; i++)
        all += w->ops[i].count;
    w->candidates = ARENA_NEW_N(t->memory, struct candidate, all + 1);
    w->reply = (Support__SearchArticlesResponse)SUPPORT__SEARCH_ARTICLES_RESPONSE__INIT;
    w->reply.articles = ARENA_NEW_N(t->memory, Support__Article *, w->limit);
    bool ok = w->candidates && w->reply.articles;
    for (size_t i = 0; ok && i < w->op_count; i++)
        ok = add_places(w, &w->ops[i]);
    if (!ok) {
        task_no_memory(t);
        return;
    }
    if (w->candidate_count)
        qsort(w->candidates, w->candidate_count, sizeof *w->candidates, by_slug);
    for (size_t i = 0; i < w->candidate_count; i++)
        if (kept && by_slug(&w->candidates[kept - 1], &w->candidates[i]) == 0)
            w->candidates[kept - 1].score += w->candidates[i].score;
        else
            w->candidates[kept++] = w->candidates[i];
    w->candidate_count = kept;
    if (kept)
        qsort(w->candidates, kept, sizeof *w->candidates, by_score);
    read_more(w);
}

void support_search_articles(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    static const char id[] = "support.Support.SearchArticles";
    const Support__SearchArticlesRequest *r = (const Support__SearchArticlesRequest *)(const void *)message;
    struct article_work *w = article_work(call, context, id, r->locale);
    if (!w || !backend_check_text(call, id, "a query", r->query, 1, QUERY_MAX) ||
        (r->limit && !backend_check_page(call, id, r->limit, LIMIT_MAX)))
        return;
    struct arena *m = w->task.memory;
    w->limit = r->limit ? r->limit : LIMIT;
    bool ok = search_words_add(m, &w->words, r->query);
    w->op_count = w->words.count < QUERY_WORDS ? w->words.count : QUERY_WORDS;
    w->ops = ok ? ARENA_NEW_N(m, struct backend_op, w->op_count + 1) : NULL;
    for (size_t i = 0; w->ops && i < w->op_count; i++) {
        w->ops[i] = (struct backend_op){.kind = OP_READ,
                                        .prefix = true,
                                        .limit = PLACES_MAX,
                                        .key = arena_printf(m, "word:%s/%s/", w->locale, w->words.items[i].word)};
        if (!w->ops[i].key)
            w->ops = NULL;
    }
    if (w->ops)
        task_batch(&w->task, SUPPORT_TABLE, w->ops, w->op_count, places_read);
    else
        task_no_memory(&w->task);
}
