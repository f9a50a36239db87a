/* A URL in the first line, Set-Cookie lines behind it: what is kept goes back to where it came from or nowhere, and the
 * same lines as a Location lead somewhere. */
#include "e2e/http/http.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text all = TEXT_INIT, given = TEXT_INIT, next = TEXT_INIT;
    json_t *jar = json_array(), *set = json_object();
    text_add(&all, data, size);
    char *url = all.data != NULL ? all.data : NULL, *line = url != NULL ? strchr(url, '\n') : NULL;
    if (line != NULL) {
        *line++ = '\0';
        if (!http_jar_take(jar, url, line, 1000, set) || json_array_size(jar) > json_object_size(set) + size)
            abort();
        http_jar_give(jar, url, 1000, &given);
        http_jar_give(jar, "http://elsewhere.invalid/", 1000, &given);
        http_url_resolve(url, line, &next);
    }
    json_decref(jar);
    json_decref(set);
    text_deinit(&all);
    text_deinit(&given);
    text_deinit(&next);
    return 0;
}
