/* Calls of doubles in C, turn by turn until they are settled. */
#include "fakes/consumer/internal.h"

#include <stdlib.h>
#include <string.h>

bool consumer_takes(const char *by)
{
    /* What a responder makes up, and what nobody answers (fakes/double/ask.c, fakes/serve/). */
    static const char *const made_up[] = {"", "nothing", "server", "behaviour", "values", "control", NULL};
    if (by == NULL)
        return false;
    for (const char *const *m = made_up; *m != NULL; m++)
        if (strcmp(by, *m) == 0)
            return false;
    return strncmp(by, "behaviour", 9) != 0;
}

static void free_headers(struct fake_header *items, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(items[i].name);
        free((void *)(uintptr_t)items[i].value.data);
    }
}

void hearing_free(struct consumer *c, struct hearing *h)
{
    for (struct hearing **at = &c->hearings; *at != NULL; at = &(*at)->next)
        if (*at == h) {
            *at = h->next;
            break;
        }
    text_deinit(&h->request);
    text_deinit(&h->replies);
    text_deinit(&h->message);
    text_deinit(&h->details);
    array_deinit(&h->ends);
    array_deinit(&h->reply_ends);
    free_headers(h->answered.items, h->answered.count);
    free_headers(h->metadata.items, h->metadata.count);
    array_deinit(&h->answered);
    array_deinit(&h->metadata);
    free(h);
}

/* A copy whose name and value are its own. */
static bool copy_header(struct bytes name, struct bytes value, bool trailer, struct fake_header *out)
{
    uint8_t *data = malloc(value.len + 1);
    *out = (struct fake_header){.name = strndup((const char *)name.data, name.len), .trailer = trailer};
    if (data == NULL || out->name == NULL) {
        free(data);
        free(out->name);
        return false;
    }
    if (value.len > 0)
        memcpy(data, value.data, value.len);
    out->value = BYTES(data, value.len);
    return true;
}

static struct hearing *find(struct consumer *c, const void *call)
{
    struct hearing *h = c->hearings;
    while (h != NULL && h->call != call)
        h = h->next;
    return h;
}

/* Under the lock. NULL: no memory. */
static struct hearing *begin(struct consumer *c, const void *call, const struct fake_asked *asked)
{
    struct hearing *h = calloc(1, sizeof *h);
    if (h == NULL)
        return NULL;
    *h = (struct hearing){.call = call, .consumer = c, .method = asked->method, .next = c->hearings};
    c->hearings = h;
    for (size_t i = 0; i < asked->metadata.count && !h->failed; i++) {
        struct fake_header copy;
        const struct grpc_header *from = &asked->metadata.items[i];
        h->failed = !array_grow(&h->metadata) || !copy_header(from->name, from->value, false, &copy);
        if (!h->failed)
            (void)array_push(&h->metadata, copy);
    }
    return h;
}

static void add_turn(struct hearing *h, const struct fake_asked *asked, const struct fake_answer *answer)
{
    size_t before = h->replies.len;
    text_clear(&h->request);
    text_add(&h->request, asked->request.data, asked->request.len);
    array_clear(&h->ends);
    for (size_t i = 0; i < asked->messages; i++)
        h->failed = !array_push(&h->ends, asked->ends[i]) || h->failed;
    text_add(&h->replies, answer->replies.data, answer->replies.len);
    for (size_t i = 0; i < answer->marks.count; i++)
        h->failed = !array_push(&h->reply_ends, before + answer->marks.items[i].end) || h->failed;
    text_clear(&h->message);
    text_add(&h->message, answer->message.data, answer->message.len);
    text_clear(&h->details);
    text_add(&h->details, answer->details.data, answer->details.len);
    for (size_t i = 0; i < answer->headers.count && !h->failed; i++) {
        struct fake_header copy;
        const struct fake_header *from = &answer->headers.items[i];
        h->failed = !array_grow(&h->answered) || !copy_header(bytes_of(from->name), from->value, from->trailer, &copy);
        if (!h->failed)
            (void)array_push(&h->answered, copy);
    }
    /* At a turn of a stream both ways there may be nothing to say. */
    bool silent = answer->marks.count == 0 && answer->ending == FAKE_STAYS;
    h->passed_over = h->passed_over || (!h->consumer->all && !consumer_takes(answer->by) && !silent);
    h->ending = answer->ending;
}

static void turn(void *arg, const void *call, const struct fake_asked *asked, const struct fake_answer *answer)
{
    struct consumer *c = arg;
    pthread_mutex_lock(&c->lock);
    struct hearing *h = find(c, call);
    if (h == NULL)
        h = begin(c, call, asked);
    if (h != NULL)
        add_turn(h, asked, answer);
    else if (c->failed.code == 0)
        error_set(&c->failed, ERROR_MEMORY, "out of memory");
    pthread_mutex_unlock(&c->lock);
}

static int put(struct consumer *c, struct hearing *h, int status, struct error *err)
{
    struct grpc_header *metadata = calloc(h->metadata.count + 1, sizeof *metadata);
    bool ok = metadata != NULL && !h->failed && text_ok(&h->request) && text_ok(&h->replies) && text_ok(&h->message) &&
              text_ok(&h->details);
    for (size_t i = 0; ok && i < h->metadata.count; i++)
        metadata[i] = (struct grpc_header){bytes_of(h->metadata.items[i].name), h->metadata.items[i].value};
    struct consumer_call call = {.method = h->method,
                                 .request = text_bytes(&h->request),
                                 .ends = h->ends.items,
                                 .messages = h->ends.count,
                                 .replies = text_bytes(&h->replies),
                                 .reply_ends = h->reply_ends.items,
                                 .reply_count = h->reply_ends.count,
                                 .status = status,
                                 .open = status == FAKE_UNANSWERED,
                                 .message = text_bytes(&h->message),
                                 .details = text_bytes(&h->details),
                                 .metadata = {metadata, h->metadata.count},
                                 .answered = h->answered.items,
                                 .answered_count = h->answered.count};
    int code = ok ? consumer_put(c, &call, err) : error_set(err, ERROR_MEMORY, "out of memory");
    free(metadata);
    return code;
}

static void settled(void *arg, const void *key, int status)
{
    struct consumer *c = arg;
    struct error err = ERROR_INIT;
    pthread_mutex_lock(&c->lock);
    struct hearing *h = find(c, key);
    if (h != NULL) {
        /* A provider cannot be asked to fall silent or to break off; of an open stream there must be something. */
        bool no_end = status == FAKE_UNANSWERED && h->reply_ends.count == 0;
        if (h->passed_over || no_end || h->ending == FAKE_RESETS || h->ending == FAKE_DISCONNECTS)
            c->passed_over++;
        else if (put(c, h, status, &err) == ERROR_PROTOCOL)
            c->passed_over++;
        else if (err.code != 0 && c->failed.code == 0)
            error_move(&c->failed, &err);
        hearing_free(c, h);
    }
    error_clear(&err);
    pthread_mutex_unlock(&c->lock);
}

void consumer_hear(struct consumer *c, struct fake *f)
{
    fake_hear(f, &(struct fake_hearer){.turn = turn, .settled = settled, .arg = c});
}

void consumer_take_all(struct consumer *c, bool all)
{
    pthread_mutex_lock(&c->lock);
    c->all = all;
    pthread_mutex_unlock(&c->lock);
}

size_t consumer_passed_over(const struct consumer *c)
{
    return c->passed_over;
}

int consumer_failed(struct consumer *c, struct error *err)
{
    pthread_mutex_lock(&c->lock);
    int code = c->failed.code != 0 ? error_move(err, &c->failed) : 0;
    pthread_mutex_unlock(&c->lock);
    return code;
}
