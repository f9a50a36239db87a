/* Messages as runs of a program: the message is its standard input, what it writes is the answer, its exit code the
 * status (sysexits.h, 4.4BSD):
 *
 *     0   the answer                   69, 75  503, try again
 *     64, 65, 66  400, 400, 404        77      403
 *     78  501                          else    500; a signal is 500 as well
 *
 * The detail of an error is the last line it wrote to its standard error stream, the rest of which goes to the log. It
 * is told of the call by MICRO_SERVICE_NAME, MICRO_METHOD, MICRO_NAMESPACE, MICRO_CONTENT_TYPE and MICRO_TRACE_ID, and
 * inherits a few harmless variables: no token of ours or the caller's. It, and what it started, is killed when the time
 * is over, when it writes more than WRAP_ANSWER_MAX, or when the caller goes. */
#include "runtime/wrap/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LAST_LINE_MAX 512
#define ENVIRONMENT   12

struct run {
    struct wrap *wrap;
    struct wrap_call *call; /* gone as soon as it is answered */
    struct world_process *process;
    struct world_timer timer;
    struct text out;
    char last[LAST_LINE_MAX]; /* of its standard error stream */
    size_t last_len;
    bool line_over; /* the next byte begins a new line */
    int refused;    /* killed by us: the code to answer with; 0: it was not */
};

/* ---- its end ---- */

static void run_free(struct run *r)
{
    r->wrap->runs--;
    world_timer_stop(&r->timer);
    world_process_close(r->process);
    text_deinit(&r->out);
    free(r);
}

static int code_of(int status)
{
    switch (status) {
    case 64: /* EX_USAGE */
    case 65: /* EX_DATAERR */
        return 400;
    case 66: /* EX_NOINPUT */
        return 404;
    case 69: /* EX_UNAVAILABLE */
    case 75: /* EX_TEMPFAIL */
        return 503;
    case 77: /* EX_NOPERM */
        return 403;
    case 78: /* EX_CONFIG */
        return 501;
    default:
        return 500;
    }
}

static void exited(void *arg, struct world_exit status)
{
    struct run *r = arg;
    struct wrap_call *c = r->call;
    struct text how = TEXT_INIT, last = TEXT_INIT;
    bool trailing = r->out.len > 0 && r->out.data[r->out.len - 1] == '\n' && rpc_call_json(c->call);
    world_exit_format(status, &how);
    text_printable(&last, r->last, r->last_len, LAST_LINE_MAX);
    if (r->refused == 504)
        wrap_fail(c, 504, "the program did not end in time, and was killed");
    else if (r->refused)
        wrap_fail(c, r->refused, "the program wrote more than %zu MB, and was killed", WRAP_ANSWER_MAX >> 20);
    else if (status.signalled)
        wrap_fail(c, 500, "the program was %s%s%s", text_string(&how), last.len ? ": " : "", text_string(&last));
    else if (status.code != 0)
        wrap_fail(c, code_of(status.code), "%s", last.len ? text_string(&last) : text_string(&how));
    else if (!text_ok(&r->out))
        wrap_fail(c, 507, "out of memory");
    else if (r->out.len == 0)
        wrap_answer(c, rpc_call_json(c->call) ? bytes_of("{}") : BYTES("", 0));
    else
        wrap_answer(c, BYTES(r->out.data, r->out.len - trailing)); /* echo's newline is no part of a document */
    text_deinit(&how);
    text_deinit(&last);
    run_free(r);
}

static void refuse(struct run *r, int code)
{
    if (r->refused)
        return;
    r->refused = code;
    (void)world_process_signal(r->process, 9);
}

static void out_of_time(void *arg)
{
    refuse(arg, 504);
}

/* The bytes of the last line that is not blank. */
static void keep_last(struct run *r, struct bytes piece)
{
    for (size_t i = 0; i < piece.len; i++) {
        char byte = (char)piece.data[i];
        if (byte == '\n') {
            r->line_over = true;
            continue;
        }
        if (r->line_over)
            r->last_len = 0;
        r->line_over = false;
        if (r->last_len < sizeof r->last)
            r->last[r->last_len++] = byte;
    }
}

static void output(void *arg, int fd, struct bytes piece)
{
    struct run *r = arg;
    if (fd != 1)
        keep_last(r, piece);
    else if (r->out.len + piece.len > WRAP_ANSWER_MAX)
        refuse(r, 507);
    else
        text_add(&r->out, piece.data, piece.len);
}

/* ---- its beginning ---- */

static bool set(struct arena *a, const char **list, size_t *count, const char *name, const char *value)
{
    if (!value)
        return true;
    list[*count] = arena_printf(a, "%s=%s", name, value);
    return list[(*count)++] != NULL;
}

static bool environment_of(struct wrap_call *c, const char *method, const char **list)
{
    static const char *const harmless[] = {"PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR"};
    struct arena *a = rpc_call_arena(c->call);
    size_t n = 0;
    bool ok =
        set(a, list, &n, "MICRO_SERVICE_NAME", c->wrap->options->name) && set(a, list, &n, "MICRO_METHOD", method) &&
        set(a, list, &n, "MICRO_NAMESPACE", micro_call_namespace(c->call)) &&
        set(a, list, &n, "MICRO_CONTENT_TYPE", rpc_call_json(c->call) ? "application/json" : "application/protobuf") &&
        set(a, list, &n, "MICRO_TRACE_ID", micro_call_trace(c->call));
    for (size_t i = 0; ok && i < sizeof harmless / sizeof harmless[0]; i++)
        ok = set(a, list, &n, harmless[i], world_environment(c->wrap->world, harmless[i]));
    return ok;
}

static void begin(struct wrap_call *c, struct bytes message)
{
    static const struct world_process_events events = {.output = output, .exited = exited};
    const char *environment[ENVIRONMENT] = {NULL}, *method = wrap_method(c);
    struct wrap *s = c->wrap;
    struct error err = ERROR_INIT;
    if (s->runs >= WRAP_RUNS_MAX) {
        wrap_fail(c, 503, "%d programs run already, try again later", WRAP_RUNS_MAX);
        return;
    }
    struct run *r = method && environment_of(c, method, environment) ? calloc(1, sizeof *r) : NULL;
    if (!r) {
        wrap_fail(c, 507, "out of memory");
        return;
    }
    r->wrap = s;
    r->call = c;
    s->runs++;
    world_timer_init(&r->timer, s->world, out_of_time, r);
    /* The words are only read; C has no conversion from char ** to const char *const *. */
    const struct world_spawn spawn = {.name = s->options->name,
                                      .argv = (const char *const *)(void *)s->endpoint.argv,
                                      .environment = environment,
                                      .clean_environment = true,
                                      .whole_group = true,
                                      .raw_output = true,
                                      .input = message.data ? message : BYTES("", 0)};
    int rc = world_timer_start(&r->timer, wrap_time_left(c));
    if (rc == 0)
        rc = world_process_spawn(s->world, &spawn, &events, r, &r->process, &err);
    if (rc < 0) {
        wrap_fail(c, 503, "%s", err.message ? err.message : error_code_name(rc));
        run_free(r);
    } else {
        c->work = r;
    }
    error_clear(&err);
}

static void cancel(struct wrap_call *c)
{
    struct run *r = c->work;
    c->work = NULL;
    run_free(r); /* closing kills it */
}

const struct wrap_backend wrap_exec = {.begin = begin, .cancel = cancel};
