#include "fuzz/case/path.h"
#include "fuzz/case/script.h"
#include "rpc/target.h"

#include <limits.h>

#define WORD_SHOWN 40 /* bytes of a word in an error */

enum token_kind { TOKEN_END, TOKEN_WORD, TOKEN_KEY, TOKEN_BYTES, TOKEN_JSON };

struct token {
    enum token_kind kind;
    struct bytes text; /* of words and JSON; a key without its '=' */
    size_t at;         /* offset in the script */
};

/* A TO whose type is known once its message is: the path waits for it. */
struct waiting {
    size_t event;
    struct token token;
};

struct parser {
    struct bytes text;
    const char *name;
    const struct pb_pool *pool;
    struct fuzz_case *out;
    struct error *err;
    size_t at;
    struct token token;
    struct text bytes; /* of a TOKEN_BYTES */
    /* The event of the line. */
    struct fuzz_event event;
    struct text event_name, event_value;
    struct token to; /* of a link; TOKEN_WORD: to be resolved */
    struct waiting waiting[FUZZ_CASE_EVENTS_MAX];
    size_t waiting_count;
};

static void place(const struct parser *p, size_t at, int *line, int *column)
{
    *line = 1;
    *column = 1;
    for (size_t i = 0; i < at && i < p->text.len; i++) {
        *column = p->text.data[i] == '\n' ? 1 : *column + 1;
        *line += p->text.data[i] == '\n';
    }
}

static int error_at(struct parser *p, size_t at, int code, const char *what)
{
    int line, column;
    place(p, at, &line, &column);
    return error_set_at(p->err, code, p->name, line, column, "%s", what);
}

static int no_memory(struct parser *p)
{
    return error_set(p->err, ERROR_MEMORY, "out of memory");
}

/* "expected a number, not "abc"" at the token. */
static int expected(struct parser *p, const char *what)
{
    struct text found = TEXT_INIT;
    int line, column;
    place(p, p->token.at, &line, &column);
    if (p->token.kind == TOKEN_END)
        text_puts(&found, "the end of the line");
    else if (p->token.kind == TOKEN_BYTES)
        text_puts(&found, "bytes in quotes");
    else if (p->token.kind == TOKEN_JSON)
        text_puts(&found, "JSON");
    else {
        text_char(&found, '"');
        text_printable(&found, p->token.text.data, p->token.text.len, WORD_SHOWN);
        text_puts(&found, p->token.kind == TOKEN_KEY ? "=\"" : "\"");
    }
    int rc =
        error_set_at(p->err, ERROR_SYNTAX, p->name, line, column, "expected %s, not %s", what, text_string(&found));
    text_deinit(&found);
    return rc;
}

/* ---- tokens ---- */

static int peek(const struct parser *p, size_t ahead)
{
    return p->at + ahead < p->text.len ? p->text.data[p->at + ahead] : -1;
}

static bool is_blank(int c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static int take_hex_pair(struct parser *p)
{
    int high = bytes_hex_value((uint8_t)peek(p, 0)), low = bytes_hex_value((uint8_t)peek(p, 1));
    if (high < 0 || low < 0)
        return error_at(p, p->at, ERROR_SYNTAX, "expected two hexadecimal digits");
    text_char(&p->bytes, (char)(high << 4 | low));
    p->at += 2;
    return 0;
}

static int take_escape(struct parser *p)
{
    static const char from[] = "\"\\nrt", to[] = "\"\\\n\r\t";
    int c = peek(p, 1);
    const char *plain = c > 0 ? strchr(from, c) : NULL;
    if (plain) {
        p->at += 2;
        text_char(&p->bytes, to[plain - from]);
        return 0;
    }
    if (c != 'x')
        return error_at(p, p->at, ERROR_SYNTAX, "expected \\\", \\\\, \\n, \\r, \\t or \\xHH");
    p->at += 2;
    return take_hex_pair(p);
}

/* "..." or x"...", at its first quote. */
static int take_bytes(struct parser *p, bool hex)
{
    size_t start = p->at++;
    text_clear(&p->bytes);
    p->token.kind = TOKEN_BYTES;
    for (;;) {
        int c = peek(p, 0), rc = 0;
        if (c < 0 || c == '\n')
            return error_at(p, start, ERROR_SYNTAX, "quotes that are not closed on their line");
        if (c == '"')
            break;
        if (hex && is_blank(c)) {
            p->at++;
        } else if (hex) {
            rc = take_hex_pair(p);
        } else if (c == '\\') {
            rc = take_escape(p);
        } else {
            size_t plain = p->at;
            for (; c >= 0 && c != '"' && c != '\\' && c != '\n'; c = peek(p, 0))
                p->at++;
            text_add(&p->bytes, p->text.data + plain, p->at - plain);
        }
        if (rc)
            return rc;
    }
    p->at++;
    return text_ok(&p->bytes) ? 0 : no_memory(p);
}

/* From its brace to the one that closes it; whether it is right is for the reader of JSON to say. */
static int take_json(struct parser *p)
{
    size_t start = p->at, depth = 0;
    bool quoted = false;
    for (; p->at < p->text.len; p->at++) {
        uint8_t c = p->text.data[p->at];
        if (quoted && c == '\\')
            p->at++;
        else if (c == '"')
            quoted = !quoted;
        else if (!quoted && c == '{')
            depth++;
        else if (!quoted && c == '}' && --depth == 0)
            break;
    }
    if (p->at >= p->text.len)
        return error_at(p, start, ERROR_SYNTAX, "a brace that is not closed");
    p->at++;
    p->token.kind = TOKEN_JSON;
    p->token.text = BYTES(p->text.data + start, p->at - start);
    return 0;
}

static bool ends_word(int c)
{
    return c < 0 || c == '\n' || is_blank(c) || c == '"' || c == '{';
}

static int next(struct parser *p)
{
    while (is_blank(peek(p, 0)))
        p->at++;
    int c = peek(p, 0), after = peek(p, 1);
    p->token = (struct token){.kind = TOKEN_END, .at = p->at};
    if (c == '#' && (after < 0 || after == '\n' || is_blank(after)))
        while (peek(p, 0) >= 0 && peek(p, 0) != '\n')
            p->at++;
    if (c < 0 || peek(p, 0) < 0 || peek(p, 0) == '\n')
        return 0;
    if (c == '"')
        return take_bytes(p, false);
    if (c == 'x' && after == '"') {
        p->at++;
        return take_bytes(p, true);
    }
    if (c == '{')
        return take_json(p);
    size_t start = p->at;
    while (!ends_word(peek(p, 0)) && peek(p, 0) != '=')
        p->at++;
    p->token.text = BYTES(p->text.data + start, p->at - start);
    p->token.kind = peek(p, 0) == '=' ? TOKEN_KEY : TOKEN_WORD;
    p->at += p->token.kind == TOKEN_KEY;
    return 0;
}

/* ---- parts ---- */

static bool word_number(struct bytes word, uint64_t max, uint64_t *out)
{
    uint64_t v = 0;
    bool hex = word.len > 2 && word.data[0] == '0' && word.data[1] == 'x';
    for (size_t i = hex ? 2 : 0; i < word.len; i++) {
        int digit = bytes_hex_value(word.data[i]);
        if (digit < 0 || (!hex && digit > 9) || __builtin_mul_overflow(v, hex ? 16U : 10U, &v) ||
            __builtin_add_overflow(v, (uint64_t)digit, &v))
            return false;
    }
    *out = v;
    return word.len > 0 && v <= max;
}

static int take_number(struct parser *p, uint64_t max, const char *what, uint64_t *out)
{
    if (p->token.kind != TOKEN_WORD || !word_number(p->token.text, max, out))
        return expected(p, what);
    return next(p);
}

static int take_duration(struct parser *p)
{
    static const struct {
        const char *unit;
        uint64_t ns;
    } units[] = {{"ns", 1}, {"us", 1000}, {"ms", 1000000}, {"s", 1000000000}};
    struct bytes word = p->token.kind == TOKEN_WORD ? p->token.text : BYTES_NONE;
    size_t digits = 0;
    while (digits < word.len && word.data[digits] >= '0' && word.data[digits] <= '9')
        digits++;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (word.len > digits && bytes_is(BYTES(word.data + digits, word.len - digits), units[i].unit) &&
            word_number(BYTES(word.data, digits), UINT64_MAX / units[i].ns, &p->event.number)) {
            p->event.number *= units[i].ns;
            return next(p);
        }
    return expected(p, "a duration such as 5s, 20ms, 3us or 7ns, below 2^64 ns");
}

static int take_call(struct parser *p, const char *what)
{
    uint64_t number;
    int rc = take_number(p, UINT32_MAX, what, &number);
    p->event.call = rc ? 0 : (uint32_t)number;
    return rc;
}

/* A number, or one of the words that stand for the first ones. */
static int take_choice(struct parser *p, const char *const *words, size_t count, const char *what)
{
    for (size_t i = 0; p->token.kind == TOKEN_WORD && i < count; i++)
        if (bytes_is(p->token.text, words[i])) {
            p->event.number = i;
            return next(p);
        }
    return take_number(p, UINT64_MAX, what, &p->event.number);
}

static int take_action(struct parser *p)
{
    const char *words[TARGET_ACTION_COUNT];
    for (size_t i = 0; i < TARGET_ACTION_COUNT; i++)
        words[i] = target_action_name((enum target_action)i);
    return take_choice(p, words, TARGET_ACTION_COUNT, "kill, terminate or another action, or its number");
}

static int take_frame(struct parser *p)
{
    static const char what[] = "a frame's type and flags such as headers:0x4, or a number";
    struct bytes word = p->token.kind == TOKEN_WORD ? p->token.text : BYTES_NONE;
    const uint8_t *colon = word.len > 0 ? memchr(word.data, ':', word.len) : NULL;
    uint64_t flags;
    if (!colon)
        return take_number(p, UINT64_MAX, what, &p->event.number);
    size_t len = (size_t)(colon - word.data);
    if (!word_number(BYTES(colon + 1, word.len - len - 1), UINT8_MAX, &flags))
        return expected(p, what);
    for (size_t i = 0; i < script_frame_count; i++)
        if (bytes_is(BYTES(word.data, len), script_frames[i])) {
            p->event.number = (uint64_t)i << 8 | flags;
            return next(p);
        }
    return expected(p, what);
}

static int take_reply(struct parser *p)
{
    struct bytes word = p->token.kind == TOKEN_WORD ? p->token.text : BYTES_NONE;
    const uint8_t *dot = word.len > 0 ? memchr(word.data, '.', word.len) : NULL;
    uint64_t call;
    if (!dot || !word_number(BYTES(word.data, (size_t)(dot - word.data)), UINT32_MAX, &call) ||
        !word_number(BYTES(dot + 1, word.len - (size_t)(dot - word.data) - 1), UINT64_MAX, &p->event.number))
        return expected(p, "a call and the number of its reply such as 0.1");
    p->event.call = (uint32_t)call;
    return next(p);
}

/* Bytes, or a word where `words` are good for something. */
static int take_value(struct parser *p, struct text *to, bool words, const char *what)
{
    if (p->token.kind != TOKEN_BYTES && !(words && p->token.kind == TOKEN_WORD))
        return expected(p, what);
    struct bytes b = p->token.kind == TOKEN_BYTES ? text_bytes(&p->bytes) : p->token.text;
    text_clear(to);
    text_add(to, b.data, b.len);
    return text_ok(to) ? next(p) : no_memory(p);
}

static int resolve(struct parser *p, struct token token, const struct pb_type *type, struct text *to)
{
    struct fuzz_path path;
    uint8_t bytes[FUZZ_PATH_BYTES_MAX];
    const char *what;
    size_t at;
    int rc = fuzz_path_parse(token.text, type, &path, &at, &what);
    if (rc) {
        int line, column;
        place(p, token.at + at, &line, &column);
        return error_set_at(p->err, rc, p->name, line, column, "expected %s", what);
    }
    text_clear(to);
    text_add(to, bytes, fuzz_path_write(&path, bytes));
    return text_ok(to) ? 0 : no_memory(p);
}

static int take_from(struct parser *p)
{
    const struct pb_method *m = script_method(p->out, p->out->events.count, p->event.call, p->pool);
    if (p->token.kind != TOKEN_WORD)
        return take_value(p, &p->event_name, false, "the path of a field of the reply");
    int rc = resolve(p, p->token, m ? m->output : NULL, &p->event_name);
    return rc ? rc : next(p);
}

static int take_to(struct parser *p)
{
    if (p->token.kind != TOKEN_WORD || !bytes_is(p->token.text, "->"))
        return expected(p, "->");
    int rc = next(p);
    if (rc)
        return rc;
    if (p->token.kind != TOKEN_WORD)
        return take_value(p, &p->event_value, false, "the path of a field of the message that follows");
    p->to = p->token;
    return next(p);
}

static int take_json_message(struct parser *p)
{
    const struct pb_method *m = script_method(p->out, p->out->events.count, p->event.call, p->pool);
    struct error inner = ERROR_INIT;
    int line, column;
    if (!m)
        return error_at(p, p->token.at, ERROR_INVALID,
                        "JSON of a call whose method is not known here: its bytes are needed, as x\"...\"");
    text_clear(&p->event_value);
    int rc = pb_json_to_wire(m->input, p->token.text, 0, &p->event_value, &inner);
    if (rc == 0)
        return text_ok(&p->event_value) ? next(p) : no_memory(p);
    place(p, p->token.at, &line, &column);
    column = inner.line == 1 ? column + inner.column - 1 : inner.line > 1 ? inner.column : column;
    line += inner.line > 1 ? inner.line - 1 : 0;
    rc = error_set_at(p->err, rc, p->name, line, column, "%s", inner.message ? inner.message : "out of memory");
    error_clear(&inner);
    return rc;
}

static int take_message(struct parser *p)
{
    if (p->token.kind == TOKEN_JSON)
        return take_json_message(p);
    return take_value(p, &p->event_value, false, "a message: JSON, \"...\" or x\"...\"");
}

static int take_kind(struct parser *p)
{
    uint64_t kind;
    if (p->token.kind != TOKEN_WORD || !word_number(p->token.text, UINT8_MAX, &kind) ||
        fuzz_event_kind_name((unsigned)kind))
        return expected(p, "the number of a kind that has no name, at most 255");
    p->event.kind = (uint8_t)kind;
    return next(p);
}

static int take_slot(struct parser *p, enum script_slot slot)
{
    static const char *const doors[] = {"grpc", "http"};
    switch (slot) {
    case SLOT_NAME:
        return take_value(p, &p->event_name, true, "a name");
    case SLOT_CALL:
        return take_call(p, p->event.kind == EVENT_FRAME || p->event.kind == EVENT_HEADERS ? "a stream's number"
                                                                                           : "a call's number");
    case SLOT_NUMBER:
    case SLOT_HEX:
        return take_number(p, UINT64_MAX, "a number", &p->event.number);
    case SLOT_MAYBE:
        if (p->token.kind != TOKEN_WORD || bytes_hex_value(p->token.text.data[0]) < 0 || p->token.text.data[0] > '9')
            return 0;
        return take_number(p, UINT64_MAX, "a number", &p->event.number);
    case SLOT_TIME:
        return take_duration(p);
    case SLOT_DOOR:
        return take_choice(p, doors, 2, "grpc, http or a number");
    case SLOT_ACTION:
        return take_action(p);
    case SLOT_FRAME:
        return take_frame(p);
    case SLOT_REPLY:
        return take_reply(p);
    case SLOT_FROM:
        return take_from(p);
    case SLOT_TO:
        return take_to(p);
    case SLOT_KIND:
        return take_kind(p);
    case SLOT_VALUE:
        return take_value(p, &p->event_value, false, "bytes: \"...\" or x\"...\"");
    case SLOT_MESSAGE:
        return take_message(p);
    case SLOT_NONE:
        break;
    }
    return 0;
}

/* ---- extras ---- */

static int take_key(struct parser *p)
{
    struct bytes key = p->token.text;
    size_t at = p->token.at;
    uint64_t flags;
    int rc = next(p);
    if (rc)
        return rc;
    if (bytes_is(key, "deadline"))
        return take_duration(p);
    if (bytes_is(key, "number"))
        return take_number(p, UINT64_MAX, "a number", &p->event.number);
    if (bytes_is(key, "call"))
        return take_call(p, "a call's number");
    if (bytes_is(key, "name") || bytes_is(key, "defect"))
        return take_value(p, &p->event_name, true, "a name");
    if (bytes_is(key, "value"))
        return take_value(p, &p->event_value, false, "bytes: \"...\" or x\"...\"");
    if (!bytes_is(key, "flags"))
        return error_at(p, at, ERROR_SYNTAX, "expected deadline, defect, call, number, name, value or flags before =");
    rc = take_number(p, UINT16_MAX, "flags of 16 bits", &flags);
    if (rc == 0)
        p->event.flags = (uint16_t)(p->event.flags | flags);
    return rc;
}

static int take_extra(struct parser *p)
{
    struct bytes word = p->token.text;
    if (p->token.kind == TOKEN_KEY)
        return take_key(p);
    for (size_t i = 0; p->token.kind == TOKEN_WORD && i < script_flag_count; i++)
        if (bytes_is(word, script_flags[i].word)) {
            p->event.flags = (uint16_t)(p->event.flags | script_flags[i].bit);
            return next(p);
        }
    for (unsigned i = 0; p->token.kind == TOKEN_WORD && i < LANE_COUNT; i++)
        if (bytes_is(word, fuzz_lane_name((enum fuzz_lane)i))) {
            p->event.lane = (uint8_t)i;
            return next(p);
        }
    return expected(p, "a flag, a lane, key=... or the end of the line");
}

/* ---- lines ---- */

static int resolve_waiting(struct parser *p, const struct pb_type *type)
{
    for (size_t i = 0; i < p->waiting_count; i++) {
        int rc = resolve(p, p->waiting[i].token, type, &p->bytes);
        if (rc == 0 && (rc = fuzz_case_set_value(p->out, p->waiting[i].event, text_bytes(&p->bytes))) < 0)
            return error_at(p, p->waiting[i].token.at, rc, error_code_name(rc));
        if (rc < 0)
            return rc;
    }
    p->waiting_count = 0;
    return 0;
}

static int add_event(struct parser *p, size_t line)
{
    const struct pb_method *m;
    bool path = p->to.kind == TOKEN_WORD;
    if (path && p->event.flags & EVENT_LINK_METADATA) {
        text_add(&p->event_value, p->to.text.data, p->to.text.len);
        path = false;
    }
    if (!text_ok(&p->event_value))
        return no_memory(p);
    int at = fuzz_case_add(p->out, &p->event, text_bytes(&p->event_name), text_bytes(&p->event_value));
    if (at == ERROR_MEMORY)
        return no_memory(p);
    if (at < 0)
        return error_at(p, line, at, "more events or bytes than a case may have");
    if (path)
        p->waiting[p->waiting_count++] = (struct waiting){(size_t)at, p->to};
    if (p->event.kind != EVENT_MESSAGE)
        return 0;
    m = script_method(p->out, (size_t)at, p->event.call, p->pool);
    return resolve_waiting(p, m ? m->input : NULL);
}

static int parse_line(struct parser *p)
{
    size_t line = p->token.at, slot = 0;
    unsigned kind = 1;
    if (p->token.kind != TOKEN_WORD)
        return expected(p, "what happens: call, message, half-close ...");
    while (kind < EVENT_KIND_COUNT && !bytes_is(p->token.text, fuzz_event_kind_name(kind)))
        kind++;
    if (kind == EVENT_KIND_COUNT && !bytes_is(p->token.text, "event"))
        return expected(p, "what happens: call, message, half-close ...");
    const struct script_kind *parts = script_kind_of(kind);
    p->event = (struct fuzz_event){.kind = (uint8_t)(kind == EVENT_KIND_COUNT ? 0 : kind)};
    p->to.kind = TOKEN_END;
    text_clear(&p->event_name);
    text_clear(&p->event_value);
    int rc = next(p);
    while (rc == 0) {
        enum script_slot s = slot < SCRIPT_SLOTS ? parts->slots[slot] : SLOT_NONE;
        /* Values stand behind what else there is to say. */
        bool value =
            (s == SLOT_VALUE || s == SLOT_MESSAGE) && (p->token.kind == TOKEN_KEY || p->token.kind == TOKEN_WORD);
        if (s == SLOT_NONE && p->token.kind == TOKEN_END)
            return add_event(p, line);
        if (s == SLOT_NONE || value) {
            rc = take_extra(p);
        } else {
            rc = take_slot(p, s);
            slot++;
        }
    }
    return rc;
}

int fuzz_case_parse(struct bytes text, const char *name, const struct pb_pool *pool, struct fuzz_case *out,
                    struct error *err)
{
    struct parser p = {.text = text, .name = name, .pool = pool, .out = out, .err = err};
    int rc = 0;
    fuzz_case_clear(out);
    while (rc == 0 && p.at < text.len) {
        rc = next(&p);
        if (rc == 0 && p.token.kind != TOKEN_END)
            rc = parse_line(&p);
        if (rc == 0)
            p.at++; /* the end of the line, where parse_line() stops */
    }
    if (rc == 0)
        rc = resolve_waiting(&p, NULL);
    text_deinit(&p.bytes);
    text_deinit(&p.event_name);
    text_deinit(&p.event_value);
    return rc;
}
