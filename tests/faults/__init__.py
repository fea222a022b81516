"""The fault catalogue through the wire: every way in which a network, a server, an answer or this computer can fail.

A test says which fault it shows with a marker of plain words, which the table of docs/reliability.md is made from::

    @pytest.mark.fault("F-08", "W", "after")

First the fault, then ``"R"`` (reading) or ``"W"`` (writing), left out where it is neither, then for a write when it strikes:
``"before"``, ``"after"`` or ``"late"``. A test may carry several; a case of ``parametrize`` may carry its own as ``marks=``.
"""
