/* An XPath expression in the first line, a document behind it: read as HTML and as XML, asked, and asked again; what is
 * refused says why, and what is found is a value that can be shown. */
#include "e2e/value/query.h"
#include "e2e/value/xpath.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask(struct bytes document, bool html, const char *expression)
{
    struct xpath_document *d = NULL;
    struct error err = ERROR_INIT;
    json_t *once = NULL, *twice = NULL;
    if (xpath_open(document, html, &d, &err) == 0) {
        int code = xpath_ask(d, expression, &once, &err);
        if ((code == 0) != (once != NULL) || (code != 0 && err.message == NULL))
            abort();
        error_clear(&err);
        if (xpath_ask(d, expression, &twice, &err) != code || (once != NULL && json_equal(once, twice) != 1))
            abort();
        xpath_close(d);
    } else if (d != NULL || err.message == NULL) {
        abort();
    }
    error_clear(&err);
    json_decref(once);
    json_decref(twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size > 0 ? memchr(data, '\n', size) : NULL;
    size_t len = end != NULL ? (size_t)(end - data) : size;
    char *expression = strndup(size > 0 ? (const char *)data : "", len);
    struct bytes document = end != NULL ? BYTES(end + 1, size - len - 1) : BYTES("", 0);
    struct error err = ERROR_INIT;
    if (expression == NULL)
        return 0;
    if (xpath_check(expression, &err) != 0 && err.message == NULL)
        abort();
    error_clear(&err);
    ask(document, true, expression);
    ask(document, false, expression);
    free(expression);
    return 0;
}
