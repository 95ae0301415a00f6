"""Pictures of the metric that triggered an alert: PNGs with threshold and trigger, drawn off the delivery path.

`charts` says what a picture shows of an event, `renderer` has it drawn by a process of its own (`process`, `drawing`,
`series`: they import little more than matplotlib), `gallery` keeps what was drawn lately, `links` makes addresses that
vendors can fetch, and `illustrator` gives a notice whatever its channel can show, or goes without in time.

Nothing is imported here: the drawing process is to start quickly.
"""
