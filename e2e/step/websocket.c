/* WebSockets: messages sent, and what came, in their order. */
#include "base/base64.h"
#include "base/words.h"
#include "e2e/step/talk.h"
#include "rpc/websocket.h"

#include <stdlib.h>
#include <string.h>

#define HEADERS_MAX 32
#define CAME_MAX    10000

struct socket_talk {
    struct talk talk; /* first */
    struct websocket *socket;
    struct tls_context *tls;
    int goodbye; /* the code it ends with, when that was not said before; 0: without a word */
};

/* ---- what comes ---- */

static void on_opened(void *arg)
{
    struct socket_talk *s = arg;
    s->talk.head = json_pack("{s:i}", "status", 101);
    s->talk.memory = s->talk.memory || s->talk.head == NULL;
}

/* Text is a value when it is JSON; bytes are {base64: ...}. */
static void on_message(void *arg, bool text, struct bytes message)
{
    struct socket_talk *s = arg;
    struct text base64 = TEXT_INIT;
    json_t *value;
    if (s->talk.said)
        return;
    if (text) {
        value = value_of_body(message);
    } else {
        base64_encode(&base64, message);
        value = text_ok(&base64) ? json_pack("{s:s}", "base64", text_string(&base64)) : NULL;
    }
    if (json_array_append_new(s->talk.came, value) != 0)
        s->talk.memory = true;
    if (json_array_size(s->talk.came) > CAME_MAX && s->talk.error.code == 0)
        error_set(&s->talk.error, ERROR_LIMIT, "more than %d messages came that no step took", CAME_MAX);
    text_deinit(&base64);
}

static void on_closed(void *arg, int code, struct bytes reason)
{
    struct socket_talk *s = arg;
    int status = websocket_status(s->socket);
    s->socket = NULL;
    if (s->talk.said)
        return; /* it was answered */
    s->talk.closed = json_pack("{s:i, s:o}", "code", code, "reason", value_of_bytes(reason));
    if (s->talk.head == NULL && status != 0)
        s->talk.head = json_pack("{s:i}", "status", status);
    else if (s->talk.head == NULL)
        error_set(&s->talk.error, ERROR_REFUSED, "the WebSocket could not be opened: %.*s", (int)reason.len,
                  reason.data != NULL ? (const char *)reason.data : "");
    s->talk.memory = s->talk.memory || s->talk.closed == NULL;
}

static void end(struct talk *t)
{
    struct socket_talk *s = (struct socket_talk *)t;
    if (s->socket != NULL && s->goodbye != 0)
        websocket_goodbye(s->socket, s->goodbye, "");
    if (s->socket != NULL)
        websocket_abort(s->socket); /* nobody waits for an answer to that */
    tls_context_free(s->tls);
    free(s);
}

/* ---- opening and sending ---- */

static int open_socket(struct flow_context *x, const struct node *step, const char *path, struct talk **out)
{
    static const struct websocket_events events = {.opened = on_opened, .message = on_message, .closed = on_closed};
    const struct node *place = node_get(step, "websocket");
    struct http1_header headers[HEADERS_MAX];
    struct arena arena = ARENA_INIT;
    struct text url = TEXT_INIT;
    size_t count = 0;
    struct socket_talk *s = calloc(1, sizeof *s);
    if (s == NULL)
        return flow_memory(x);
    s->talk.end = end;
    s->talk.came = json_array();
    int code = s->talk.came != NULL ? talk_url(x, place, path, "ws://", "wss://", &url) : flow_memory(x);
    if (code == 0 && strncmp(text_string(&url), "wss://", 6) == 0)
        code = talk_tls(x, step, &s->tls);
    if (code == 0)
        code = talk_headers(x, step, text_string(&url), &arena, headers, HEADERS_MAX, &count);
    if (code == 0) {
        const struct websocket_options options = {.tls = s->tls};
        code = websocket_connect(x->target->world, text_string(&url), headers, count, &options, &events, s, &s->socket,
                                 &x->error);
        x->wrong = x->wrong || code == ERROR_INVALID;
    }
    arena_deinit(&arena);
    text_deinit(&url);
    if (code != 0) {
        talk_free(&s->talk);
        return code;
    }
    *out = &s->talk;
    return talk_keep(x, step, &s->talk);
}

static int send_one(struct flow_context *x, const struct node *place, struct socket_talk *s, const json_t *value)
{
    struct text text = TEXT_INIT;
    value_text(value, &text);
    text_printf(&x->sent, "%s", x->sent.len > 0 ? "\n" : "");
    text_puts(&x->sent, text_string(&text));
    int code = text_ok(&text) ? 0 : flow_memory(x);
    if (code == 0 && s->talk.said)
        code = node_error(place, &x->error, ERROR_CLOSED, "nothing can be sent: a step before has closed it");
    if (code == 0 && s->socket == NULL)
        code = node_error(place, &x->error, ERROR_CLOSED, "nothing can be sent: the other side has ended");
    if (code == 0 && (code = websocket_send(s->socket, true, text_bytes(&text))) != 0)
        node_error(place, &x->error, code, "nothing can be sent: %s", error_code_name(code));
    text_deinit(&text);
    return code;
}

static int send_all(struct flow_context *x, const struct node *step, struct socket_talk *s)
{
    const struct node *n = node_get(step, "send");
    json_t *value = n != NULL ? expand_node(x, n) : NULL, *one;
    size_t i;
    if (n == NULL)
        return 0;
    if (value == NULL)
        return x->error.code;
    int code = json_is_array(value) ? 0 : send_one(x, n, s, value);
    if (json_is_array(value))
        json_array_foreach(value, i, one)
        {
            if (code == 0)
                code = send_one(x, n->kind == NODE_LIST ? &n->list.items[i] : n, s, one);
        }
    json_decref(value);
    return code;
}

static bool opened(void *arg)
{
    const struct talk *t = arg;
    return t->head != NULL || t->closed != NULL || t->error.code != 0 || t->memory;
}

/* The code that the step ends it with; 0: it does not. */
static int goodbye_of(const struct node *step)
{
    const struct node *n = node_get(step, "close");
    bool flag = false;
    if (n != NULL && n->kind == NODE_INTEGER)
        return (int)n->integer;
    return node_may_bool(step, "close", &flag, NULL) == 0 && flag ? WS_NORMAL : 0;
}

/* The socket stays with its talk, so that it is gone when the case is over, answered or not. */
static void say_goodbye(struct socket_talk *s, int code)
{
    if (code == 0 || s->socket == NULL || s->talk.said || s->talk.closed != NULL)
        return;
    websocket_goodbye(s->socket, code, "");
    s->talk.said = true;
    s->talk.closed = json_pack("{s:i, s:s}", "code", code, "reason", "");
    s->talk.memory = s->talk.memory || s->talk.closed == NULL;
}

static int run(struct flow_context *x, const struct node *step)
{
    const struct node *what = node_get(step, "websocket");
    char *name = expand_text(x, what);
    struct talk *t = name != NULL ? talk_find(x, name) : NULL;
    bool found = t != NULL;
    int code = name != NULL ? 0 : x->error.code;
    if (code == 0 && t == NULL)
        code = open_socket(x, step, name, &t);
    free(name);
    if (code != 0)
        return code;
    if (!found && !opened(t) && (code = flow_wait(x, opened, t, step_timeout(x, step))) != 0)
        node_error(what, &x->error, code, "the WebSocket could not be opened: %s",
                   code == ERROR_CANCELLED ? "interrupted" : error_code_name(code));
    if (code == 0 && json_integer_value(json_object_get(t->head, "status")) == 101)
        code = send_all(x, step, (struct socket_talk *)t);
    if (code == 0) {
        struct socket_talk *s = (struct socket_talk *)t;
        bool kept = t->name != NULL;
        int goodbye = goodbye_of(step);
        if (node_get(step, "expect") == NULL && node_get(step, "capture") == NULL)
            say_goodbye(s, goodbye);
        s->goodbye = kept ? 0 : goodbye;
        code = talk_listen(x, step, t);
        if (kept)
            say_goodbye(s, goodbye);
    } else if (t->name == NULL) {
        talk_free(t);
    }
    return code;
}

/* ---- the kind ---- */

/* One that is not opened is not what was meant, unless that is expected. */
static void judge(struct flow_context *x, const struct node *step)
{
    const struct node *expect = node_get(step, "expect");
    int64_t status = json_integer_value(json_object_get(x->answer, "status"));
    if ((expect == NULL || node_get(expect, "status") == NULL) && status != 101)
        node_error(node_get(step, "websocket"), &x->error, ERROR_INVALID, "expected a WebSocket (101), got %d",
                   (int)status);
}

static int check(const struct flow *f, const struct node *step, const struct node *what, struct error *err)
{
    const struct node *close = node_get(step, "close");
    (void)f;
    if (what->kind != NODE_TEXT || what->text.len == 0)
        return node_error(what, err, ERROR_INVALID,
                          "\"websocket\" is a path below the gateway, a URL, or the name of one that is open");
    if (close != NULL && close->kind != NODE_BOOL &&
        (close->kind != NODE_INTEGER || close->integer < 1000 || close->integer > 4999))
        return node_error(close, err, ERROR_INVALID, "\"close\" is true, or a code from 1000 to 4999");
    return talk_check(step, err);
}

static const struct step_key keys[] = {
    {"as", SHAPE_ANY, "keeps it open for later steps, under this name"},
    {"headers", SHAPE_MAP, "names and texts, of the handshake"},
    {"tls", SHAPE_MAP, TALK_TLS_ABOUT},
    {"send", SHAPE_ANY, "a message, or a list of them: texts as they are, other values as JSON"},
    {"count", SHAPE_ANY, "how many messages are waited for; 1 when messages are expected or captured, else none"},
    {"closed", SHAPE_FLAG, "waits until the other side has ended, and takes all that came"},
    {"close", SHAPE_ANY, "ends it: true, or a code"},
    {"timeout", SHAPE_DURATION, "how long it may take"},
    {"within", SHAPE_DURATION, "try again until the expectations hold or this time is over"},
    {"expect", SHAPE_ANSWER, "members of what came"},
    {"capture", SHAPE_CAPTURES, "variables from what came, by path"},
    {0},
};
static const struct step_key answer[] = {
    {"status", SHAPE_EXPECTED, "101, or what the server refused with"},
    {"message", SHAPE_EXPECTED, "when one was waited for: a value when it is JSON, a text, or {base64: ...}"},
    {"messages", SHAPE_EXPECTED, "the list, in their order"},
    {"count", SHAPE_EXPECTED, "how many"},
    {"closed", SHAPE_EXPECTED, "when the other side has ended: {code, reason}"},
    {"duration", SHAPE_EXPECTED, "seconds"},
    {0},
};
const struct step_kind kind_websocket = {
    .name = "websocket",
    .about = "A WebSocket: sends messages, and takes what came",
    .shape = SHAPE_ANY,
    .keys = keys,
    .answer = answer,
    .check = check,
    .run = run,
    .judge = judge,
};
