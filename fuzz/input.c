#include "fuzz/input.h"

#include "base/document.h"
#include "fuzz/generate.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Of a hundred inputs. */
#define SHARE_VALID      50
#define SHARE_NEAR_VALID 40

static const char *const lane_names[] = {"valid", "near-valid", "garbage", NULL};

const char *fuzz_lane_name(enum fuzz_lane lane)
{
    return lane_names[lane];
}

static void make_message(struct random *r, struct fuzz_input *in, struct text *out, bool broken)
{
    struct text valid = TEXT_INIT;
    if (in->lane == LANE_GARBAGE && broken) {
        for (uint64_t n = random_below(r, FUZZ_GARBAGE_MAX); n > 0; n--)
            text_char(out, (char)random_below(r, 256));
    } else {
        fuzz_generate(r, in->method->input, &valid);
        if (in->lane == LANE_NEAR_VALID && broken)
            in->defect = defect_draw(r, in->method->input, text_bytes(&valid), out);
        else
            text_add(out, valid.data, valid.len);
    }
    text_deinit(&valid);
}

int fuzz_input_make(struct fuzz_input *in, uint64_t seed, int64_t number, const struct pb_method *const *methods,
                    size_t method_count)
{
    struct random base, r;
    char purpose[48];
    snprintf(purpose, sizeof purpose, "fuzz.input.%" PRId64, number);
    random_seed(&base, seed);
    random_fork(&base, purpose, &r);
    *in = (struct fuzz_input){.seed = seed, .number = number};
    in->method = methods[random_below(&r, method_count)];
    uint64_t lot = random_below(&r, 100);
    in->lane = lot < SHARE_VALID ? LANE_VALID : lot < SHARE_VALID + SHARE_NEAR_VALID ? LANE_NEAR_VALID : LANE_GARBAGE;
    in->message_count = in->method->client_streaming ? 1 + (size_t)random_below(&r, FUZZ_MESSAGES_MAX) : 1;
    /* One message carries the defect: the last, so that what comes before it is at work already. */
    bool whole = true;
    for (size_t i = 0; i < in->message_count; i++) {
        make_message(&r, in, &in->messages[i], i + 1 == in->message_count);
        whole = whole && text_ok(&in->messages[i]);
    }
    if (!whole)
        fuzz_input_deinit(in);
    return whole ? 0 : ERROR_MEMORY;
}

void fuzz_input_deinit(struct fuzz_input *in)
{
    for (size_t i = 0; i < FUZZ_MESSAGES_MAX; i++)
        text_deinit(&in->messages[i]);
    in->message_count = 0;
}

bool fuzz_input_may_pass(const struct fuzz_input *in)
{
    return in->lane != LANE_NEAR_VALID || in->defect == NULL || in->defect->answer != DEFECT_REFUSED;
}

void fuzz_input_write(const struct fuzz_input *in, const char *oracle, const char *replay, struct text *out)
{
    text_printf(out, "{\n  \"harrow\": \"fuzz-input\",\n  \"path\": \"%s\",\n  \"lane\": \"%s\",\n", in->method->path,
                fuzz_lane_name(in->lane));
    if (in->defect != NULL)
        text_printf(out, "  \"defect\": \"%s\",\n", in->defect->name);
    if (in->number >= 0)
        text_printf(out, "  \"number\": %" PRId64 ",\n", in->number);
    /* Text: 64 bits do not survive every reader of JSON numbers. */
    text_printf(out, "  \"seed\": \"%" PRIu64 "\",\n", in->seed);
    if (oracle != NULL)
        text_printf(out, "  \"oracle\": \"%s\",\n", oracle);
    if (replay != NULL) {
        text_puts(out, "  \"replay\": \"");
        text_json(out, replay, strlen(replay));
        text_puts(out, "\",\n");
    }
    text_puts(out, "  \"messages\": [");
    for (size_t i = 0; i < in->message_count; i++) {
        text_puts(out, i > 0 ? ", \"" : "\"");
        for (size_t n = 0; n < in->messages[i].len; n++)
            text_printf(out, "%02x", (unsigned)(unsigned char)in->messages[i].data[n]);
        text_char(out, '"');
    }
    text_puts(out, "]\n}\n");
}

/* ---- reading ---- */

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static int read_message(const struct node *n, struct text *out, struct error *err)
{
    if (n->kind != NODE_TEXT || n->text.len % 2 != 0)
        return node_error(n, err, ERROR_INVALID, "a message is a text of pairs of hexadecimal digits");
    for (size_t i = 0; i < n->text.len; i += 2) {
        int high = hex_digit(n->text.data[i]), low = hex_digit(n->text.data[i + 1]);
        if (high < 0 || low < 0)
            return node_error(n, err, ERROR_INVALID, "\"%c%c\" is no hexadecimal number", n->text.data[i],
                              n->text.data[i + 1]);
        text_char(out, (char)(high << 4 | low));
    }
    return text_ok(out) ? 0 : error_set(err, ERROR_MEMORY, "out of memory");
}

static int read_fields(const struct node *root, const struct pb_pool *pool, struct fuzz_input *in, struct error *err)
{
    static const char *const keys[] = {"harrow", "path",   "lane",   "defect",   "number", "seed",
                                       "oracle", "replay", "detail", "messages", NULL};
    const char *kind = "", *path = "", *lane = "", *defect = NULL;
    const struct node *messages = NULL;
    int code;
    if ((code = node_only_keys(root, keys, err)) != 0 || (code = node_need_text(root, "harrow", &kind, err)) != 0 ||
        (code = node_need_text(root, "path", &path, err)) != 0 ||
        (code = node_need_text(root, "lane", &lane, err)) != 0 ||
        (code = node_may_text(root, "defect", &defect, err)) != 0 ||
        (code = node_may_list(root, "messages", &messages, err)) != 0)
        return code;
    if (strcmp(kind, "fuzz-input") != 0)
        return node_error(node_get(root, "harrow"), err, ERROR_INVALID, "\"harrow\" must be \"fuzz-input\"");
    if ((in->method = pb_find_method(pool, path, false)) == NULL)
        return node_error(node_get(root, "path"), err, ERROR_NOT_FOUND, "no method %s in the descriptor set", path);
    for (size_t i = 0; lane_names[i] != NULL; i++)
        if (strcmp(lane, lane_names[i]) == 0)
            in->lane = (enum fuzz_lane)i;
    if (strcmp(lane, lane_names[in->lane]) != 0)
        return node_error(node_get(root, "lane"), err, ERROR_INVALID, "a lane is valid, near-valid or garbage");
    if (defect != NULL && (in->defect = defect_find(defect)) == NULL)
        return node_error(node_get(root, "defect"), err, ERROR_NOT_FOUND, "no defect is called \"%s\"", defect);
    if (messages == NULL || messages->list.count == 0 || messages->list.count > FUZZ_MESSAGES_MAX)
        return node_error(root, err, ERROR_INVALID, "\"messages\" is a list of 1 to %d messages", FUZZ_MESSAGES_MAX);
    for (size_t i = 0; i < messages->list.count && code == 0; i++) {
        code = read_message(&messages->list.items[i], &in->messages[i], err);
        in->message_count = i + 1;
    }
    return code;
}

int fuzz_input_read(struct bytes file, const char *name, const struct pb_pool *pool, struct fuzz_input *out,
                    struct error *err)
{
    struct document *d = NULL;
    *out = (struct fuzz_input){.number = -1};
    int code = document_parse_json(file, name, &d, err);
    if (code == 0)
        code = document_root(d)->kind == NODE_MAP ? read_fields(document_root(d), pool, out, err)
                                                  : node_error(document_root(d), err, ERROR_INVALID,
                                                               "an input is a map with \"path\" and \"messages\"");
    if (code != 0)
        fuzz_input_deinit(out);
    document_free(d);
    return code;
}
