#include "rpc/resp.h"

#include <hiredis.h>
#include <stdlib.h>
#include <string.h>

struct resp_reader {
    struct arena arena;
    redisReader *reader;
    bool too_many; /* items */
};

const char *resp_kind_name(enum resp_kind k)
{
    static const char *const names[] = {"nil", "an integer", "a text", "a status", "an error", "a list"};
    return (unsigned)k < sizeof names / sizeof names[0] ? names[k] : "unknown";
}

/* ---- what hiredis calls; NULL ends the reading with an error ---- */

static struct resp_reply *add(const redisReadTask *task, enum resp_kind kind)
{
    struct resp_reader *r = task->privdata;
    struct resp_reply *reply = ARENA_NEW(&r->arena, struct resp_reply);
    if (reply == NULL)
        return NULL;
    reply->kind = kind;
    if (task->parent != NULL) {
        struct resp_reply *list = task->parent->obj;
        list->items[task->idx] = reply;
    }
    return reply;
}

static void *make_text(const redisReadTask *task, char *text, size_t len)
{
    struct resp_reader *r = task->privdata;
    struct resp_reply *reply = add(task, task->type == REDIS_REPLY_ERROR    ? RESP_ERROR
                                         : task->type == REDIS_REPLY_STATUS ? RESP_STATUS
                                                                            : RESP_TEXT);
    const char *copy = reply != NULL ? arena_string_n(&r->arena, text, len) : NULL;
    if (copy == NULL)
        return NULL;
    reply->text = BYTES(copy, len);
    return reply;
}

static void *make_list(const redisReadTask *task, int count)
{
    struct resp_reader *r = task->privdata;
    if (count < 0 || (size_t)count > RESP_ITEMS_MAX) {
        r->too_many = true;
        return NULL;
    }
    struct resp_reply *reply = add(task, RESP_LIST);
    if (reply == NULL)
        return NULL;
    reply->count = (size_t)count;
    reply->items = ARENA_NEW_N(&r->arena, const struct resp_reply *, reply->count + 1);
    return reply->items != NULL ? reply : NULL;
}

static void *make_integer(const redisReadTask *task, long long value)
{
    struct resp_reply *reply = add(task, RESP_INTEGER);
    if (reply != NULL)
        reply->integer = value;
    return reply;
}

static void *make_nil(const redisReadTask *task)
{
    return add(task, RESP_NIL);
}

static void drop_one(void *reply)
{
    (void)reply; /* the arena's */
}

/* ---- the reader ---- */

struct resp_reader *resp_reader_new(void)
{
    static redisReplyObjectFunctions functions = {make_text, make_list, make_integer, make_nil, drop_one};
    struct resp_reader *r = calloc(1, sizeof *r);
    if (r == NULL)
        return NULL;
    r->reader = redisReaderCreateWithFunctions(&functions);
    if (r->reader == NULL) {
        free(r);
        return NULL;
    }
    r->reader->privdata = r;
    return r;
}

void resp_reader_free(struct resp_reader *r)
{
    if (r == NULL)
        return;
    redisReaderFree(r->reader);
    arena_deinit(&r->arena);
    free(r);
}

static int failed(const struct resp_reader *r, struct error *err)
{
    if (r->too_many)
        return error_set(err, ERROR_LIMIT, "a reply has a list of more than %zu items", RESP_ITEMS_MAX);
    if (r->reader->err == REDIS_ERR_OOM)
        return error_set(err, ERROR_MEMORY, "out of memory");
    return error_set(err, ERROR_INVALID, "this is no reply of Redis: %s", r->reader->errstr);
}

int resp_feed(struct resp_reader *r, struct bytes data, struct error *err)
{
    if (r->reader->err != 0)
        return failed(r, err);
    if (data.len > RESP_PENDING_MAX || r->reader->len - r->reader->pos > RESP_PENDING_MAX - data.len)
        return error_set(err, ERROR_LIMIT, "a reply has more than %zu bytes", RESP_PENDING_MAX);
    return redisReaderFeed(r->reader, (const char *)data.data, data.len) == REDIS_OK ? 0 : failed(r, err);
}

int resp_next(struct resp_reader *r, const struct resp_reply **out, struct error *err)
{
    void *reply = NULL;
    if (redisReaderGetReply(r->reader, &reply) != REDIS_OK)
        return failed(r, err);
    *out = reply;
    return 0;
}

void resp_drop(struct resp_reader *r)
{
    arena_reset(&r->arena);
}

/* ---- commands ---- */

int resp_format(const struct bytes *words, size_t count, struct text *out)
{
    if (count == 0 || count > RESP_WORDS_MAX)
        return ERROR_LIMIT;
    const char **texts = malloc(count * sizeof *texts);
    size_t *lengths = malloc(count * sizeof *lengths);
    char *formatted = NULL;
    int len = -1;
    for (size_t i = 0; texts != NULL && lengths != NULL && i < count; i++) {
        texts[i] = (const char *)words[i].data;
        lengths[i] = words[i].len;
    }
    if (texts != NULL && lengths != NULL)
        len = redisFormatCommandArgv(&formatted, (int)count, texts, lengths);
    if (len >= 0)
        text_add(out, formatted, (size_t)len);
    if (formatted != NULL)
        redisFreeCommand(formatted);
    free(texts);
    free(lengths);
    return len >= 0 && text_ok(out) ? 0 : ERROR_MEMORY;
}
