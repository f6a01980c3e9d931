"""Seeds that showed something once, and what that was.

A seed stands for a history only as long as the simulation draws the same from it: what a history has shown in a core
has a test of its own beside that core, too.
"""

CORPUS = {
    3: "slow replies put off the loss of a session",
    147: "silence was noticed late while another server was to be found",
    157: "a removal took the watch of a read that was under way along",
    553: "a live node held the state of a server that had lost its data since",
    1551: "a watch that came to stand too late took the events of others",
    2723: "the same, of a watch that was asked for without a connection",
    639: "the reply to a removal made the zxid grow before watches were armed again",
    3359: "what a removal took along was armed again too late for the events between",
    3378: "a client that was closed without a connection never ended, in the simulation",
    3530: "events of a recursive watch whose removal was under way concerned nobody",
    20878: "a removal in vain took away what others leaned on, whose request was under way",
}
