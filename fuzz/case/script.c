#include "fuzz/case/script.h"

static const struct script_kind kinds[EVENT_KIND_COUNT] = {
    [0] = {{SLOT_KIND, SLOT_VALUE}, "name", "number"},
    [EVENT_CALL] = {{SLOT_NAME}, "name", "deadline"},
    [EVENT_METADATA] = {{SLOT_NAME, SLOT_VALUE}, "name", "number"},
    [EVENT_LINK] = {{SLOT_REPLY, SLOT_FROM, SLOT_TO}, "name", "number"},
    [EVENT_MESSAGE] = {{SLOT_CALL, SLOT_MESSAGE}, "defect", "number"},
    [EVENT_HALF_CLOSE] = {{SLOT_CALL}, "name", "number"},
    [EVENT_CANCEL] = {{SLOT_CALL, SLOT_NUMBER}, "name", "number"},
    [EVENT_AWAIT] = {{SLOT_CALL, SLOT_MAYBE}, "name", "number"},
    [EVENT_CONNECT] = {{SLOT_NAME, SLOT_DOOR}, "name", "number"},
    [EVENT_FRAME] = {{SLOT_FRAME, SLOT_CALL, SLOT_VALUE}, "name", "number"},
    [EVENT_HEADERS] = {{SLOT_CALL, SLOT_HEX, SLOT_VALUE}, "name", "number"},
    [EVENT_BYTES] = {{SLOT_VALUE}, "name", "number"},
    [EVENT_HTTP] = {{SLOT_NAME, SLOT_VALUE}, "name", "number"},
    [EVENT_TIME] = {{SLOT_TIME}, "name", "number"},
    [EVENT_FAULT] = {{SLOT_NAME, SLOT_ACTION}, "name", "number"},
    [EVENT_ENVIRONMENT] = {{SLOT_NAME, SLOT_NUMBER}, "name", "number"},
};

const struct script_kind *script_kind_of(unsigned kind)
{
    return &kinds[fuzz_event_kind_name(kind) ? kind : 0];
}

const struct script_flag script_flags[] = {
    {"no-token", EVENT_NO_TOKEN}, {"other-tenant", EVENT_OTHER_TENANT}, {"gzip", EVENT_COMPRESSED},
    {"flag-lie", EVENT_FLAG_LIE}, {"length-long", EVENT_LENGTH_LONG},   {"length-short", EVENT_LENGTH_SHORT},
    {"trailers", EVENT_TRAILERS}, {"metadata", EVENT_LINK_METADATA},
};
const size_t script_flag_count = sizeof script_flags / sizeof script_flags[0];

const char *const script_frames[] = {"data",         "headers", "priority", "rst-stream",    "settings",
                                     "push-promise", "ping",    "goaway",   "window-update", "continuation"};
const size_t script_frame_count = sizeof script_frames / sizeof script_frames[0];

const struct pb_method *script_method(const struct fuzz_case *c, size_t before, uint32_t call,
                                      const struct pb_pool *pool)
{
    uint32_t opened = 0;
    for (size_t i = 0; i < before && i < c->events.count; i++)
        opened += c->events.items[i].kind == EVENT_CALL;
    return pool && call < opened ? fuzz_case_method(c, call, pool) : NULL;
}

void script_put_literal(struct bytes script, struct text *out)
{
    text_puts(out, "    \"");
    for (size_t i = 0; i < script.len; i++) {
        uint8_t c = script.data[i];
        if (c == '\n')
            text_puts(out, i + 1 < script.len ? "\\n\"\n    \"" : "\\n");
        else if (c == '"' || c == '\\' || c == '?') /* of the last, no trigraphs */
            text_printf(out, "\\%c", c);
        else if (c >= 0x20 && c < 0x7f)
            text_char(out, (char)c);
        else
            text_printf(out, "\\%03o", c);
    }
    text_char(out, '"');
}
