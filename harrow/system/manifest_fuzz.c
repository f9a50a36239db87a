/* Any bytes as a manifest: what is refused is refused with a message and a place, and of what is read every list ends,
 * every text can be expanded or says what is wrong with it, and every component is found by its name. */
#include "harrow/system/manifest.h"

#include "e2e/e2e.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct manifest_values values = {.bin = "/b", .here = "h", .data = "d", .secret = "s", .port = 20000};

static void expand(const char *text, struct arena *arena)
{
    struct error err = ERROR_INIT;
    const char *out = NULL;
    if (text == NULL)
        return;
    int code = manifest_expand(text, &values, arena, &out, &err);
    if ((code == 0) != (out != NULL) || (code != 0 && err.message == NULL))
        abort();
    /* What holds no name is left as it is. */
    if (strstr(text, "${") == NULL && (code != 0 || strcmp(out, text) != 0))
        abort();
    error_clear(&err);
}

static void expand_list(const char *const *list, struct arena *arena)
{
    for (size_t i = 0; list != NULL && list[i] != NULL; i++)
        expand(list[i], arena);
}

static void check(const struct manifest *m, struct arena *arena)
{
    if (m->name == NULL || m->component_count == 0 || m->component_count > MANIFEST_COMPONENTS_MAX)
        abort();
    if ((m->start != NULL && m->start[0] == NULL) || (m->login_call != NULL) != (m->login_token != NULL))
        abort();
    for (size_t i = 0; i < m->port_count; i++)
        if (m->ports[i] < 0 || m->ports[i] > 1000)
            abort();
    expand(m->gateway, arena);
    expand(m->login_request, arena);
    expand_list(m->start, arena);
    for (size_t i = 0; m->flows[i] != NULL; i++)
        if (manifest_path(m, m->flows[i], arena) == NULL)
            abort();
    for (size_t i = 0; i < m->component_count; i++) {
        const struct manifest_component *c = &m->components[i];
        if (manifest_find(m, c->name) != c || c->line < 1 || c->column < 1)
            abort();
        expand(c->address, arena);
        expand(c->http, arena);
        expand(c->pid_file, arena);
        expand_list(c->start, arena);
        expand_list(c->arguments, arena);
        expand_list(c->services, arena);
    }
}

/* The section is read apart from the rest, by who runs flows. */
static void check_isolation(struct bytes input)
{
    struct e2e_isolation *i = NULL;
    struct error err = ERROR_INIT;
    int code = e2e_isolation_parse(NULL, input, "fuzz/m.yaml", &i, &err);
    if (code != err.code || (code != 0 && (i != NULL || err.message == NULL)))
        abort();
    e2e_isolation_free(i);
    error_clear(&err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct manifest *m = NULL;
    struct error err = ERROR_INIT;
    struct arena arena = {0};
    int code = manifest_parse(BYTES(data, size), "fuzz/m.yaml", &m, &err);
    if ((code == 0) != (m != NULL) || code != err.code)
        abort();
    if (code != 0 && (err.message == NULL || err.line < 1 || err.column < 1))
        abort();
    if (m != NULL)
        check(m, &arena);
    manifest_free(m);
    arena_deinit(&arena);
    error_clear(&err);
    check_isolation(BYTES(data, size));
    return 0;
}
