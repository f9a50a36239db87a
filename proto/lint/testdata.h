/* The descriptor sets and texts that lint_test looks at, embedded. */
#ifndef PROTO_LINT_TESTDATA_H
#define PROTO_LINT_TESTDATA_H

#include "base/bytes.h"

struct bytes lint_tree_set(void);     /* every contract below proto/ but grpc/ and etcd/ */
struct bytes lint_tree_allowed(void); /* allowed.txt */
struct bytes lint_bad_set(void);      /* tests/contract/lint_bad/ */
struct bytes lint_bad_allowed(void);  /* its allowed.txt */
struct bytes lint_bad_findings(void); /* its findings.txt */

#endif
