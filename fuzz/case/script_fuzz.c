/* Any text as a script: it is refused with a place, or it is a case that comes back from its own script and file. Where
 * links and messages are, the paths in them are followed through the messages' bytes. */
#include "fuzz/case/path.h"
#include "fuzz/case/test_kit.h"

#include <stdlib.h>

static struct kit kit;

static void drop(void)
{
    kit_deinit(&kit);
}

static void expect(bool what)
{
    if (!what)
        abort();
}

/* Whatever is put at a path leaves a message that was right right, and is found there. */
static void follow(const struct fuzz_case *c, struct bytes encoded)
{
    struct fuzz_path path;
    struct fuzz_value found[4], v = fuzz_value_text(bytes_of("1"));
    struct text out = TEXT_INIT;
    if (!fuzz_path_read(encoded, &path))
        return;
    for (size_t i = 0; i < c->events.count; i++) {
        const struct fuzz_event *e = &c->events.items[i];
        const struct pb_method *m = e->kind == EVENT_MESSAGE ? fuzz_case_method(c, e->call, kit.pool) : NULL;
        struct bytes value = fuzz_case_bytes(c, e->value);
        const struct pb_type *type = m ? m->input : NULL;
        fuzz_path_get(&path, type, value, found, 4);
        text_clear(&out);
        if (e->kind != EVENT_MESSAGE || fuzz_path_put(&path, type, value, &v, &out) != 0)
            continue;
        expect(!m || pb_scan(type->descriptor, value, NULL) != 0 ||
               pb_scan(type->descriptor, text_bytes(&out), NULL) == 0 || path.count > PB_DEPTH_MAX);
        for (uint32_t s = 0; s < path.count; s++)
            path.steps[s].index = FUZZ_PATH_NO_INDEX;
        expect(fuzz_path_get(&path, type, text_bytes(&out), found, 4) > 0);
    }
    text_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_case c = FUZZ_CASE_INIT, again = FUZZ_CASE_INIT;
    struct text script = TEXT_INIT, file = TEXT_INIT;
    struct error err = ERROR_INIT;
    if (kit.pool == NULL && (!kit_init(&kit) || atexit(drop) != 0))
        abort();
    if (fuzz_case_parse(BYTES(data, size), "case", kit.pool, &c, &err) != 0) {
        expect(err.message != NULL && err.line > 0 && err.column > 0);
    } else {
        expect(fuzz_case_print(&c, kit.pool, &script) == 0);
        expect(fuzz_case_parse(text_bytes(&script), "case", kit.pool, &again, &err) == 0);
        expect(fuzz_case_equal(&c, &again));
        expect(fuzz_case_write(&c, &file) == 0 && fuzz_case_read(text_bytes(&file), &again, &err) == 0);
        expect(fuzz_case_equal(&c, &again));
        for (size_t i = 0; i < c.events.count; i++)
            if (c.events.items[i].kind == EVENT_LINK)
                follow(&c, fuzz_case_bytes(&c, c.events.items[i].value));
    }
    error_clear(&err);
    text_deinit(&script);
    text_deinit(&file);
    fuzz_case_deinit(&c);
    fuzz_case_deinit(&again);
    return 0;
}
