/* What components of a micro keep of a trace (e2e/ asks at the end of a case): every service has its last spans, and
 * tells admins of them by Debug.Trace. All are asked at once, at most 64 of them, and have two seconds; at most 500
 * spans of a trace are taken. */
#ifndef HARROW_FLOWS_TRACES_H
#define HARROW_FLOWS_TRACES_H

#include "e2e/e2e.h"
#include "rpc/target.h"

/* NULL: the system is no micro, as its contracts say. */
const struct e2e_traces *traces_operations(const struct target *t);

#endif
