/* Answers that do not end by themselves: server-sent events, lines, pieces. What comes is taken as it comes. */
#include "e2e/http/split.h"
#include "e2e/step/talk.h"
#include "wire/tls.h"

#include <stdlib.h>
#include <string.h>

#define HEADERS_MAX 32
#define CAME_MAX    10000

struct stream_talk {
    struct talk talk; /* first */
    struct http_client_call *call;
    struct split split;
    struct tls_context *tls;
};

/* ---- what comes ---- */

static void on_head(void *arg, const struct http1_head *head)
{
    struct stream_talk *s = arg;
    json_t *headers = json_object();
    bool ok = headers != NULL;
    for (size_t i = 0; i < head->header_count && ok; i++)
        ok = value_add_header(headers, head->headers[i].name, head->headers[i].value);
    s->talk.head = json_pack("{s:i, s:o}", "status", head->status, "headers", headers);
    s->talk.memory = s->talk.memory || !ok || s->talk.head == NULL;
}

static void on_piece(void *arg, struct bytes piece)
{
    struct stream_talk *s = arg;
    bool good = http_split_feed(&s->split, piece);
    s->talk.memory = s->talk.memory || s->split.failed;
    if (!good && !s->talk.memory && s->talk.error.code == 0)
        error_set(&s->talk.error, ERROR_LIMIT, "an item of the stream is longer than %zu KiB", SPLIT_ITEM_MAX >> 10);
    if (json_array_size(s->talk.came) > CAME_MAX && s->talk.error.code == 0)
        error_set(&s->talk.error, ERROR_LIMIT, "more than %d items came that no step took", CAME_MAX);
}

static void on_done(void *arg, struct http_answer *got, struct error *err)
{
    struct stream_talk *s = arg;
    s->call = NULL;
    if (got->status == 0) {
        error_move(&s->talk.error, err);
        return;
    }
    http_answer_deinit(got);
    if (!http_split_end(&s->split))
        s->talk.memory = s->talk.memory || s->split.failed;
    s->talk.closed = json_true();
}

static void end(struct talk *t)
{
    struct stream_talk *s = (struct stream_talk *)t;
    http_fetch_cancel(s->call);
    http_split_deinit(&s->split);
    tls_context_free(s->tls);
    free(s);
}

/* ---- asking ---- */

static enum split_by split_by_of(const struct node *step)
{
    const char *by = "events";
    node_may_text(step, "by", &by, NULL);
    return strcmp(by, "lines") == 0 ? SPLIT_LINES : strcmp(by, "pieces") == 0 ? SPLIT_PIECES : SPLIT_EVENTS;
}

static int ask(struct flow_context *x, const struct node *step, const char *method, const char *path,
               struct stream_talk *s)
{
    const struct node *place = node_get(step, "stream");
    struct http1_header headers[HEADERS_MAX + 1];
    struct arena arena = ARENA_INIT;
    struct text url = TEXT_INIT, body = TEXT_INIT, type = TEXT_INIT;
    size_t count = 0;
    int code = talk_url(x, place, path, "http://", "https://", &url);
    if (code == 0)
        code = talk_headers(x, step, text_string(&url), &arena, headers, HEADERS_MAX, &count);
    if (code == 0)
        code = http_make_body(x, step, &body, &type);
    if (code == 0 && strncmp(text_string(&url), "https://", 8) == 0)
        code = talk_tls(x, step, &s->tls);
    if (code == 0 && type.len > 0)
        headers[count++] = (struct http1_header){bytes_of("content-type"), text_bytes(&type)};
    if (code == 0) {
        const struct http_fetch fetch = {.method = method,
                                         .url = text_string(&url),
                                         .tls = s->tls,
                                         .headers = headers,
                                         .header_count = count,
                                         .body = text_bytes(&body),
                                         .timeout = step_timeout(x, step),
                                         .head = on_head,
                                         .piece = on_piece};
        text_printf(&x->sent, "%s %s", method, text_string(&url));
        code = http_fetch_start(x->target->world, &fetch, on_done, s, &s->call, &x->error);
        x->wrong = x->wrong || code == ERROR_INVALID;
    }
    arena_deinit(&arena);
    text_deinit(&url);
    text_deinit(&body);
    text_deinit(&type);
    return code;
}

static int open_stream(struct flow_context *x, const struct node *step, char *line, struct talk **out)
{
    char *path = strchr(line, ' ');
    struct stream_talk *s = calloc(1, sizeof *s);
    if (s == NULL)
        return flow_memory(x);
    s->talk.end = end;
    s->talk.came = json_array();
    http_split_init(&s->split, split_by_of(step), s->talk.came);
    int code = s->talk.came != NULL ? 0 : flow_memory(x);
    if (code == 0 && path == NULL)
        code = flow_wrong(x, node_get(step, "stream"), ERROR_NOT_FOUND,
                          "nothing called \"%s\" is open; to open one: METHOD PATH", line);
    if (code == 0) {
        *path = '\0';
        code = ask(x, step, line, path + 1, s);
    }
    if (code != 0) {
        talk_free(&s->talk);
        return code;
    }
    *out = &s->talk;
    return talk_keep(x, step, &s->talk);
}

/* "package.Service/Method", not "GET /path". */
static bool is_method(const char *line)
{
    return strchr(line, ' ') == NULL && strchr(line, '/') != NULL;
}

static int run(struct flow_context *x, const struct node *step)
{
    char *line = expand_text(x, node_get(step, "stream"));
    struct talk *t = line != NULL ? talk_find(x, line) : NULL;
    int code = line != NULL ? 0 : x->error.code;
    bool found = t != NULL;
    if (code == 0 && !found)
        code = is_method(line) ? talk_call_open(x, step, &t) : open_stream(x, step, line, &t);
    free(line);
    if (code != 0)
        return code;
    if (talk_is_call(t))
        code = talk_call_send(x, step, t);
    else if (node_get(step, "send") != NULL || node_get(step, "close") != NULL)
        code = flow_wrong(x, step, ERROR_INVALID, "\"send\" and \"close\" are for calls of gRPC methods");
    if (code == 0)
        return talk_listen(x, step, t);
    if (!found && t->name == NULL)
        talk_free(t);
    return code;
}

/* ---- the kind ---- */

static int check(const struct flow *f, const struct node *step, const struct node *what, struct error *err)
{
    const char *by = "events";
    (void)f;
    if (what->kind != NODE_TEXT || what->text.len == 0)
        return node_error(
            what, err, ERROR_INVALID,
            "\"stream\" is a method and a path, \"GET /events\", a gRPC method, \"chat.Chat/Talk\", or the "
            "name of one that is open");
    int code = node_may_text(step, "by", &by, err);
    if (code == 0 && strcmp(by, "events") != 0 && strcmp(by, "lines") != 0 && strcmp(by, "pieces") != 0)
        code = node_error(node_get(step, "by"), err, ERROR_INVALID, "\"by\" is events, lines or pieces");
    bool close;
    if (code == 0)
        code = node_may_bool(step, "close", &close, err);
    if (code == 0)
        code = http_check_body(step, err);
    return code != 0 ? code : talk_check(step, err);
}

static const struct step_key keys[] = {
    {"as", SHAPE_ANY, "keeps it open for later steps, under this name"},
    {"by", SHAPE_TEXT, "what it is cut into: events (server-sent; when nothing is said), lines or pieces"},
    {"headers", SHAPE_MAP, "names and texts"},
    {"metadata", SHAPE_MAP, "of a gRPC call: names and texts; \"\" takes one away"},
    {"send", SHAPE_ANY, "of a gRPC call: a message, or a list of them"},
    {"close", SHAPE_FLAG, "of a gRPC call: true: nothing more is sent"},
    {"json", SHAPE_ANY, "a value sent as JSON"},
    {"form", SHAPE_MAP, "names and values sent as a form"},
    {"body", SHAPE_ANY, "a text sent as it is"},
    {"tls", SHAPE_MAP, TALK_TLS_ABOUT},
    {"count", SHAPE_ANY, "how many are waited for; 1 when messages are expected or captured, else none"},
    {"closed", SHAPE_FLAG, "waits until the answer has ended, and takes all that came"},
    {"timeout", SHAPE_DURATION, "how long it may take"},
    {"within", SHAPE_DURATION, "try again until the expectations hold or this time is over"},
    {"expect", SHAPE_ANSWER, "members of what came"},
    {"capture", SHAPE_CAPTURES, "variables from what came, by path"},
    {0},
};
static const struct step_key answer[] = {
    {"status", SHAPE_EXPECTED, "a number; not of a gRPC call"},
    {"headers", SHAPE_EXPECTED, "by names in lower case"},
    {"message", SHAPE_EXPECTED,
     "when one was waited for: {event, data, id}; a line or piece as a value or a text; a message"},
    {"messages", SHAPE_EXPECTED, "the list, in their order"},
    {"count", SHAPE_EXPECTED, "how many"},
    {"closed", SHAPE_EXPECTED, "when it has ended: true; of a gRPC call {status, message, trailers}"},
    {"duration", SHAPE_EXPECTED, "seconds"},
    {0},
};
const struct step_kind kind_stream = {
    .name = "stream",
    .about = "What comes as it comes: server-sent events, lines, pieces of an HTTP answer, messages of a gRPC call",
    .shape = SHAPE_ANY,
    .keys = keys,
    .answer = answer,
    .check = check,
    .run = run,
    .judge = talk_call_judge,
};
