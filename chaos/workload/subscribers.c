#include "chaos/workload/subscribers.h"

#include "base/units.h"
#include "broker/broker.pb-c.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUIET     ((uint64_t)SECOND)
#define UNKNOWN   (-1) /* what nobody published */
#define LARGE_ONE 8    /* one message of so many is larger, by what is drawn for the run: */
#define LEAVE_ONE 200  /* at one publication of so many a subscriber leaves, and comes back */

/* Bytes at most: slow readers have to be waited for. */
static const size_t fillings[] = {0, 4 << 10, 32 << 10, 128 << 10};
#define FILLINGS       (sizeof fillings / sizeof fillings[0])
#define FILLINGS_LARGE 2 /* the last ones: of those who dawdle, so that something has to wait for them */

struct subscriber {
    struct follower follower; /* first */
    int64_t last;             /* value it got */
};
struct last_word {
    int64_t value;
    uint64_t invoked;
};
struct state {
    struct subscriber *subscribers; /* SUBSCRIBERS_EACH of each topic */
    struct last_word *last_words;   /* by topic: published in the end and acknowledged; value 0: not yet */
    int64_t next_subscription;
    size_t filling_max;
};

static size_t subscriber_count(struct workload *w)
{
    return (size_t)workload_keys(w) * SUBSCRIBERS_EACH;
}

static void topic_of(struct workload *w, uint32_t key, char *out, size_t size)
{
    snprintf(out, size, "%s.%u", workload_name(w), key);
}

/* ---- messages: "<value> <bytes of filling> <filling>" ---- */

static char filling_of(int64_t value)
{
    return (char)('a' + value % 26);
}

static void write_body(struct workload *w, int64_t value, struct text *out)
{
    const struct state *s = workload_state(w);
    struct random *r = workload_random(w);
    size_t filling = random_below(r, LARGE_ONE) == 0 ? (size_t)random_below(r, s->filling_max + 1) : 0;
    text_printf(out, "%lld %zu ", (long long)value, filling);
    for (size_t i = 0; i < filling; i++)
        text_char(out, filling_of(value));
}

static bool take_number(struct bytes *body, int64_t *out)
{
    char digits[24] = "";
    size_t len = 0;
    while (len < body->len && len + 1 < sizeof digits && body->data[len] != ' ') {
        digits[len] = (char)body->data[len];
        len++;
    }
    if (len == body->len || units_parse_integer(digits, 0, INT64_MAX, out, NULL) != 0)
        return false;
    *body = BYTES(body->data + len + 1, body->len - len - 1);
    return true;
}

static int64_t read_body(struct bytes body)
{
    int64_t value, filling;
    if (!take_number(&body, &value) || !take_number(&body, &filling) || (uint64_t)filling != body.len)
        return UNKNOWN;
    for (size_t i = 0; i < body.len; i++)
        if ((char)body.data[i] != filling_of(value))
            return UNKNOWN;
    return value;
}

/* ---- publishing ---- */

static struct workload_outcome published(struct workload_client *c, const struct rpc_reply *reply)
{
    struct state *s = workload_state(c->workload);
    const struct operation *o = workload_operation(c);
    enum operation_end end = workload_end_of_write(reply);
    if (end == END_OK && !workload_running(c->workload))
        s->last_words[o->key] = (struct last_word){o->value, o->invoked};
    return (struct workload_outcome){end, VALUE_NIL};
}

static int publish(struct workload_client *c, uint32_t key)
{
    const struct state *s = workload_state(c->workload);
    enum operation_function f =
        s->subscribers[0].follower.kind->function == OPERATION_DEQUEUE ? OPERATION_ENQUEUE : OPERATION_SEND;
    int64_t value = workload_value(c->workload);
    char topic[96];
    struct text body = TEXT_INIT;
    Broker__PublishRequest request = BROKER__PUBLISH_REQUEST__INIT;
    Broker__Message message = BROKER__MESSAGE__INIT;
    topic_of(c->workload, key, topic, sizeof topic);
    write_body(c->workload, value, &body);
    message.body = (ProtobufCBinaryData){.len = body.len, .data = (uint8_t *)body.data};
    request.topic = topic;
    request.message = &message;
    int code = text_ok(&body) ? workload_invoke(c, f, key, value) : ERROR_MEMORY;
    if (code == 0)
        code = workload_call(c, BROKER_SERVICE, "/broker.Broker/Publish", &request.base, published);
    text_deinit(&body);
    return code;
}

int subscribers_begin(struct workload_client *c)
{
    struct random *r = workload_random(c->workload);
    struct state *s = workload_state(c->workload);
    if (random_below(r, LEAVE_ONE) == 0)
        follower_leave(&s->subscribers[random_below(r, subscriber_count(c->workload))].follower);
    return publish(c, (uint32_t)random_below(r, (uint64_t)workload_keys(c->workload)));
}

int subscribers_last_word(struct workload_client *c, uint32_t key)
{
    return publish(c, key);
}

/* ---- subscribing ---- */

static int request_stream(struct follower *f, struct text *wire)
{
    char topic[96];
    Broker__SubscribeRequest request = BROKER__SUBSCRIBE_REQUEST__INIT;
    topic_of(f->workload, f->key, topic, sizeof topic);
    request.topic = topic;
    if (f->arg != NULL)
        request.queue = f->arg;
    return pb_pack(&request.base, wire);
}

static void on_message(struct follower *f, struct bytes message)
{
    struct subscriber *s = (struct subscriber *)f;
    struct arena arena = ARENA_INIT;
    ProtobufCMessage *unpacked = NULL;
    s->last = UNKNOWN;
    if (pb_unpack(&broker__message__descriptor, message, &arena, &unpacked, NULL) == 0) {
        const Broker__Message *m = (const Broker__Message *)unpacked;
        s->last = read_body(BYTES(m->body.data, m->body.len));
    }
    if (f->kind->function == OPERATION_DEQUEUE)
        follower_value(f, s->last);
    else
        follower_pair(f, VALUE_NIL, s->last);
    arena_deinit(&arena);
}

/* What comes on the next stream is another subscription's: what was sent in between is nobody's. */
static void on_ended(struct follower *f, const struct rpc_reply *reply)
{
    struct state *s = workload_state(f->workload);
    (void)reply;
    f->subscription = ++s->next_subscription;
}

static const struct follower_kind reader = {
    .service = BROKER_SERVICE,
    .path = "/broker.Broker/Subscribe",
    .function = OPERATION_POLL,
    .request = request_stream,
    .message = on_message,
    .ended = on_ended,
};

static const struct follower_kind member = {
    .service = BROKER_SERVICE,
    .path = "/broker.Broker/Subscribe",
    .function = OPERATION_DEQUEUE,
    .request = request_stream,
    .message = on_message,
    .ended = on_ended,
};

int subscribers_prepare(struct workload *w, char *queue, struct error *err)
{
    struct state *s = calloc(1, sizeof *s);
    workload_set_state(w, s);
    if (s != NULL) {
        s->subscribers = calloc(subscriber_count(w), sizeof *s->subscribers);
        s->last_words = calloc((size_t)workload_keys(w), sizeof *s->last_words);
    }
    if (s == NULL || s->subscribers == NULL || s->last_words == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    size_t from = workload_kind_of(w)->dawdles > 0 ? FILLINGS - FILLINGS_LARGE : 0;
    s->filling_max = fillings[from + random_below(workload_random(w), FILLINGS - from)];
    for (size_t i = 0; i < subscriber_count(w); i++) {
        struct follower *f = &s->subscribers[i].follower;
        follower_init(f, w, queue != NULL ? &member : &reader, (uint32_t)(i / SUBSCRIBERS_EACH), ++s->next_subscription,
                      queue);
        f->direct = i % SUBSCRIBERS_EACH != 0; /* so that not everybody loses touch with who passes on */
    }
    return 0;
}

void subscribers_start(struct workload *w)
{
    struct state *s = workload_state(w);
    for (size_t i = 0; i < subscriber_count(w); i++)
        follower_start(&s->subscribers[i].follower);
}

/* The last word of a topic is for each that listened when it was said. Of a queue one of them gets it, and may have
 * gone with it. */
static bool waits_for_last_word(const struct state *s, const struct subscriber *who)
{
    const struct last_word *word = &s->last_words[who->follower.key];
    return who->follower.kind->function != OPERATION_DEQUEUE && word->value != 0 &&
           who->follower.stood < word->invoked && who->last != word->value;
}

bool subscribers_quiet(struct workload *w)
{
    struct state *s = workload_state(w);
    for (size_t i = 0; i < subscriber_count(w); i++)
        if (!follower_idle(&s->subscribers[i].follower, QUIET) || waits_for_last_word(s, &s->subscribers[i]))
            return false;
    return true;
}

void subscribers_stop(struct workload *w)
{
    struct state *s = workload_state(w);
    for (size_t i = 0; s != NULL && s->subscribers != NULL && i < subscriber_count(w); i++)
        follower_deinit(&s->subscribers[i].follower);
}

void subscribers_release(struct workload *w)
{
    struct state *s = workload_state(w);
    if (s != NULL) {
        free(s->subscribers);
        free(s->last_words);
    }
    free(s);
}
