/* Memory that runs out on demand, for tests that walk every out-of-memory path:
 *
 *     for (size_t n = 1;; n++) {
 *         failing_arm(n);
 *         scenario();                 must neither crash nor leak, and say ERROR_MEMORY when it fails
 *         bool hit = failing_hit();
 *         failing_disarm();
 *         if (!hit) break;            the scenario went through untouched: every allocation was walked
 *     }
 *
 * After SQLite's and nghttp2's failing allocators. Linking the library `failing` replaces malloc, calloc, realloc,
 * strdup and strndup in everything linked statically (linker option --wrap); shared libraries keep their own calls and
 * need their own hook, such as json_set_alloc_funcs(failing_malloc, failing_free). Per thread; never in a product. */
#ifndef BASE_FAILING_H
#define BASE_FAILING_H

#include <stdbool.h>
#include <stddef.h>

void failing_arm(size_t n);      /* the n-th allocation from now (1: the next) and only that one fails */
void failing_arm_from(size_t n); /* that one and all later ones */
void failing_disarm(void);
bool failing_hit(void);     /* an allocation has failed since arming */
size_t failing_count(void); /* allocations seen since arming */

void *failing_malloc(size_t size);
void failing_free(void *data);

#endif
