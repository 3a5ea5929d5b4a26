"""Pushboard's product code: rolling package versions out to subscriber orgs.

The data's way: Salesforce --sync--> catalog and orgs --plan--> rollout, waves, targets
--approve--> frozen waves --dispatch--> batches and attempts at Salesforce --track--> outcomes
--judge--> next wave or halt --announce, report--> people.

Salesforce is the truth about what happened; our database is the truth about what was decided.
"""
