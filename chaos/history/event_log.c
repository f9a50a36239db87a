/* Logs of Jepsen's runs: a line an event, "process :type :f value", apart by tabs or spaces; as its history.txt has
 * them, or with a logger's words and " - " before. What other lines a logger writes is skipped. Porcupine is tested
 * with such logs of etcd. */
#include "chaos/history/edn_history.h"

#include "base/utf8.h"

#include <string.h>

/* Where the event begins in a line a logger wrote: behind the first " - ". */
static const char *behind_logger(const char *line, size_t len)
{
    const char *dash = memmem(line, len, " - ", 3);
    return dash != NULL ? dash + 3 : NULL;
}

static bool looks_like_event(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\t'))
        p++;
    const char *type = p;
    while (type < end && *type != ' ' && *type != '\t')
        type++;
    while (type < end && (*type == ' ' || *type == '\t'))
        type++;
    return p < end && ((*p >= '0' && *p <= '9') || *p == ':') && type < end && *type == ':';
}

static int read_line(struct edn_importer *m, const char *line, size_t len, int number, struct error *err)
{
    const char *end = line + len, *logged = behind_logger(line, len), *p = line;
    if (!looks_like_event(p, end) && logged != NULL)
        p = logged;
    if (!looks_like_event(p, end)) {
        if (len > 0)
            m->source.skipped++;
        return 0;
    }
    size_t bad = utf8_bad_offset((struct bytes){(const uint8_t *)p, (size_t)(end - p)});
    if (bad < (size_t)(end - p))
        return error_set_at(err, ERROR_SYNTAX, m->edn.name, number, (int)((size_t)(p - line) + bad) + 1,
                            "this is not UTF-8");
    int count = edn_line(&m->edn, p, (size_t)(end - p), number, err);
    if (count < 0)
        return count;
    const struct edn_node *nodes = m->edn.nodes.items, *part[5] = {NULL};
    for (uint32_t i = 0, n = 0; n < 5 && i < m->edn.nodes.count; i = nodes[i].next)
        part[n++] = &nodes[i];
    if (part[2] == NULL)
        return edn_wrong(&m->edn, part[0], ERROR_INVALID, err, "a line of an event log is: process :type :f value");
    /* Said again without an error behind it, a cas was carried out and found another value. */
    m->fail_tells = part[3] != NULL && part[3]->kind == EDN_VECTOR && part[4] == NULL;
    return edn_add_event(
        m, &(struct edn_event){.map = part[0], .process = part[0], .type = part[1], .f = part[2], .value = part[3]},
        err);
}

int history_read_log(struct bytes data, const char *name, struct history *out, struct history_source *source,
                     struct error *err)
{
    struct edn_importer m = {.source = {.format = HISTORY_EVENT_LOG}, .nil_is_absent = true};
    const char *p = (const char *)data.data, *end = p + data.len;
    int code = 0;
    events_init(&m.events, out);
    m.events.order_is_time = true;
    m.edn.name = name;
    for (int number = 1; p < end && code == 0; number++) {
        const char *newline = memchr(p, '\n', (size_t)(end - p)), *line = p;
        p = newline != NULL ? newline + 1 : end;
        size_t len = (size_t)((newline != NULL ? newline : end) - line);
        if (len > 0 && line[len - 1] == '\r')
            len--;
        code = read_line(&m, line, len, number, err);
    }
    return edn_finish(&m, code, out, source, err);
}
