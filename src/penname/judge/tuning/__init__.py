"""The feedback loop: propose settings, train, judge, write it down, compare with what good is, propose again."""
