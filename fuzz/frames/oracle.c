#include "fuzz/frames/oracle.h"

#include "fuzz/frames/build.h"

#define NO_CODE UINT32_MAX

static const char *const findings[FRAMES_FINDING_COUNT] = {"", "rule", "answer", "hang", "reply", "memory", "cpu"};

const char *frames_finding_name(enum frames_finding f)
{
    return f < FRAMES_FINDING_COUNT ? findings[f] : "";
}

/* ---- which operator --------------------------------------------------------------------------------------------- */

void frames_recognise(const struct fuzz_case *c, struct frames_verdict *v)
{
    *v = (struct frames_verdict){.code = NO_CODE};
    for (size_t i = 0; i < c->events.count; i++) {
        const struct fuzz_event *e = &c->events.items[i];
        struct bytes name = fuzz_case_bytes(c, e->name);
        if (name.len == 0 || (e->kind != EVENT_FRAME && e->kind != EVENT_HEADERS && e->kind != EVENT_BYTES))
            continue;
        if (bytes_is(name, FRAMES_PROBE)) {
            if (e->kind == EVENT_HEADERS)
                v->probe = e->call;
        } else if (!v->op) {
            v->op = frame_operator_find(name);
            if (v->op && (e->kind == EVENT_HEADERS || e->kind == EVENT_FRAME))
                v->subject = e->call & ~FRAME_RESERVED;
        }
    }
}

/* ---- what happened ---------------------------------------------------------------------------------------------- */

static bool code_fits(uint32_t codes, uint32_t code)
{
    return code == NO_CODE || codes == FRAMES_ANY_CODE || (code < 32 && (codes >> code & 1));
}

/* An answer that is complete and then reset with NO_ERROR is an answer (8.1). */
static const struct exchange_stream *reset_of(const struct exchange *x, uint32_t id)
{
    const struct exchange_stream *s = exchange_find(x, id);
    return s && s->reset && !(s->ended && s->reset_code == H2_NO_ERROR) ? s : NULL;
}

/* Floods have many subjects: any stream of it that was reset will do. */
static const struct exchange_stream *any_reset(const struct exchange *x, const struct frames_verdict *v)
{
    for (size_t i = 0; i < x->slot_count; i++) {
        const struct exchange_stream *s = &x->slots[i];
        if (s->id && s->id != v->probe && reset_of(x, s->id) && code_fits(v->op->codes, s->reset_code))
            return s;
    }
    return NULL;
}

/* HTTP errors, whole or not, and statuses that are not OK; also a whole answer without a status, which is one at least
 * to HTTP. */
static bool answered_badly(const struct exchange_stream *s)
{
    return s && (s->ended ? s->grpc_status != 0 : s->http_status >= 400);
}

/* A call that nothing is wrong with, at a peer that answers the plain one with OK. */
static bool must_be_fine(const struct exchange *x, const struct frames_verdict *v)
{
    const struct exchange_stream *probe = exchange_find(x, v->probe);
    return (v->op->answers & ANSWER_WHOLE) && probe && probe->ended && probe->grpc_status == 0;
}

static void classify(const struct exchange *x, struct frames_verdict *v)
{
    const struct exchange_stream *subject = exchange_find(x, v->subject);
    if (x->goaway && x->goaway_code != H2_NO_ERROR) {
        v->answer = ANSWER_CONNECTION;
        v->code = x->goaway_code;
    } else if (x->closed || x->not_http2) {
        v->answer = ANSWER_CONNECTION;
    } else if (((v->op->answers & ANSWER_REFUSAL) || must_be_fine(x, v)) && answered_badly(subject)) {
        /* In front of the reset: a refusal may be told by an answer first, and what then still comes of the call falls
         * upon a stream that is closed (8.1.1). */
        v->answer = ANSWER_REFUSAL;
    } else if (reset_of(x, v->subject)) {
        v->answer = ANSWER_STREAM;
        v->code = subject->reset_code;
    } else if (v->subject == 0 && any_reset(x, v)) {
        v->answer = ANSWER_STREAM;
        v->code = any_reset(x, v)->reset_code;
    } else if (x->probe_acked) {
        v->answer = ANSWER_FINE;
    }
}

/* An endpoint may end a connection at any time (5.4.1), so where it has to, the unspecific codes are right as well. */
#define UNSPECIFIC (UINT32_C(1) << H2_PROTOCOL_ERROR | UINT32_C(1) << H2_INTERNAL_ERROR)

static bool fits(const struct frames_verdict *v, unsigned answers, uint32_t codes)
{
    switch (v->answer) {
    case ANSWER_CONNECTION:
        return (answers & (ANSWER_CONNECTION | ANSWER_STREAM)) && code_fits(codes | UNSPECIFIC, v->code);
    case ANSWER_STREAM:
        return (answers & ANSWER_STREAM) && code_fits(codes, v->code);
    case ANSWER_REFUSAL:
        return answers & ANSWER_REFUSAL;
    case ANSWER_FINE:
        return answers & (ANSWER_FINE | ANSWER_WHOLE);
    default:
        return true; /* judged as a hang, or not at all */
    }
}

static bool allowed(const struct frames_verdict *v, const struct exchange *x, bool stock)
{
    unsigned answers = v->op->answers;
    uint32_t codes = v->op->codes;
    /* A peer that takes longer frames has nothing to mind (4.2). */
    if (v->op->build == op_frame_too_long && x->peer_frame_max > FRAME_PAYLOAD_MAX)
        answers |= ANSWER_FINE;
    return fits(v, answers, codes) ||
           (stock && frame_operator_stock(v->op, &answers, &codes) && fits(v, answers, codes));
}

static bool hangs(const struct exchange *x, const struct frames_allowance *allow, const struct frames_verdict *v)
{
    if (x->closed || !allow->settled)
        return false;
    if (x->goaway && x->goaway_code != H2_NO_ERROR)
        return !allow->stock; /* 5.4.1 wants the connection closed; node leaves that to the client */
    if (x->not_http2)
        return false;
    if (exchange_clean(x) && !x->probe_acked)
        return true;
    if (!v->op)
        return false;
    if ((v->op->answers & ANSWER_SILENCE) && !exchange_clean(x))
        return !allow->stock; /* they wait for ever */
    /* The connection lives: then its plain call is answered as well, and so is the subject if only that would do. */
    const struct exchange_stream *probe = exchange_find(x, v->probe);
    if (x->probe_acked && probe && probe->ended_by_us && !probe->ended && !probe->reset)
        return !(allow->stock && v->op->limits.reply); /* streams without limit leave no thread for it */
    const struct exchange_stream *subject = exchange_find(x, v->subject);
    bool owed = v->op->answers == ANSWER_REFUSAL ||
                ((v->op->answers & ANSWER_WHOLE) && subject && (subject->ended_by_us || x->starved));
    return owed && subject && !subject->ended && !subject->reset;
}

/* ---- what it cost ----------------------------------------------------------------------------------------------- */

static uint64_t scaled(uint64_t value, uint32_t percent)
{
    return percent ? value * percent / 100 : value;
}

static bool dear(struct frames_verdict *v, enum frames_finding f, uint64_t measured, uint64_t limit)
{
    if (measured <= limit)
        return false;
    v->finding = f;
    v->measured = measured;
    v->allowed = limit;
    return true;
}

static void weigh(const struct frames_cost *cost, const struct frames_allowance *allow, struct frames_verdict *v)
{
    struct frame_limits l = v->op ? v->op->limits : (struct frame_limits){0};
    uint64_t reply = FRAMES_REPLY_BASE + scaled(cost->sent, l.reply ? l.reply : FRAMES_REPLY_PERCENT);
    uint64_t memory = (allow->memory_base ? allow->memory_base : FRAMES_MEMORY_BASE) +
                      scaled(cost->sent, l.memory ? l.memory : FRAMES_MEMORY_PERCENT);
    uint64_t cpu =
        (allow->cpu_base ? allow->cpu_base : FRAMES_CPU_BASE) + cost->sent * (l.cpu ? l.cpu : FRAMES_CPU_PER_BYTE);
    /* What methods answer is no amplification: it comes as DATA, and only as far as we asked for it by our windows. */
    if (dear(v, FRAMES_REPLY, cost->received > cost->data ? cost->received - cost->data : 0, reply))
        return;
    if (dear(v, FRAMES_MEMORY, cost->memory, scaled(memory, allow->memory_scale)))
        return;
    (void)dear(v, FRAMES_CPU, cost->cpu, scaled(cpu, allow->cpu_scale));
}

void frames_judge(const struct fuzz_case *c, const struct exchange *x, const struct frames_cost *cost,
                  const struct frames_allowance *allow, struct frames_verdict *v)
{
    frames_recognise(c, v);
    if (v->op)
        classify(x, v);
    if (x->violation)
        v->finding = FRAMES_RULE;
    else if (v->op && !allowed(v, x, allow->stock))
        v->finding = FRAMES_ANSWER;
    else if (hangs(x, allow, v))
        v->finding = FRAMES_HANG;
    else
        weigh(cost, allow, v);
}

/* ---- for people ------------------------------------------------------------------------------------------------- */

static const struct {
    unsigned bit;
    const char *word;
} answer_words[] = {
    {ANSWER_CONNECTION, "connection error"}, {ANSWER_STREAM, "stream error"},
    {ANSWER_REFUSAL, "refused call"},        {ANSWER_FINE, "works on"},
    {ANSWER_SILENCE, "closed in the end"},   {ANSWER_WHOLE, "answered to its end"},
};

void frames_answers_print(const struct frame_operator *op, struct text *out)
{
    const char *between = "";
    for (size_t i = 0; i < sizeof answer_words / sizeof answer_words[0]; i++) {
        if (!(op->answers & answer_words[i].bit))
            continue;
        text_puts(out, between);
        text_puts(out, answer_words[i].word);
        between = ", ";
    }
    between = ": ";
    if (op->codes == FRAMES_ANY_CODE) {
        text_puts(out, ": any code");
        return;
    }
    for (uint32_t code = 0; code < H2_ERROR_COUNT; code++) {
        if (!(op->codes >> code & 1))
            continue;
        text_puts(out, between);
        text_puts(out, h2_error_name(code));
        between = ", ";
    }
}

void frames_verdict_print(const struct frames_verdict *v, const struct exchange *x, struct text *out)
{
    if (v->finding == FRAMES_NOTHING)
        return;
    text_puts(out, findings[v->finding]);
    text_puts(out, ": ");
    if (v->op)
        text_printf(out, "%s (%s) ", v->op->name, v->op->rule);
    if (v->finding == FRAMES_RULE) {
        text_printf(out, "%s: %s", x->violation, text_string(&x->note));
    } else if (v->finding == FRAMES_ANSWER) {
        text_puts(out, "allows [");
        frames_answers_print(v->op, out);
        text_puts(out, "], got [");
        for (size_t i = 0; i < sizeof answer_words / sizeof answer_words[0]; i++)
            if (v->answer == answer_words[i].bit)
                text_puts(out, answer_words[i].word);
        if (v->code != NO_CODE)
            text_printf(out, ": %s", h2_error_name(v->code));
        text_char(out, ']');
    } else if (v->finding == FRAMES_HANG) {
        text_puts(out, x->goaway    ? "said GOAWAY and stays open"
                       : x->starved ? "does not open its windows again, though it has taken all of them let it be sent"
                                    : "neither answered nor closed");
    } else {
        text_printf(out, "%llu for %llu bytes sent; allowed are %llu", (unsigned long long)v->measured,
                    (unsigned long long)x->bytes_sent, (unsigned long long)v->allowed);
    }
}
